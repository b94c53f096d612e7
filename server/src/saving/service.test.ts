import type { SaveState } from '@medsam2/protocol';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '@medsam2/models';
import type { Principal } from '../identity.js';
import { parsePart10 } from '../imaging/dicom/index.js';
import { createSaveService, type SaveServiceOptions } from './service.js';
import { fails, keeps, MemoryPacs } from './testing/memory-pacs.js';
import { testObject, type TestObject } from './testing/objects.js';
import type { SaveService } from './types.js';

const uidOf = (object: Uint8Array): string => {
  const value = parsePart10(object).dataset['00080018']?.Value;
  return Array.isArray(value) ? String(value[0]) : '';
};
const user = (id: string, authorization?: string): Principal => ({ id, roles: new Set(['annotator']), authorization });
const ada = user('ada');
const admin: Principal = { id: 'root', roles: new Set(['admin']) };

let folder: string;
let pacs: MemoryPacs;
let other: MemoryPacs;
let open: SaveService[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'medsam2-saving-'));
  pacs = new MemoryPacs('main', uidOf);
  other = new MemoryPacs('other', uidOf);
});
afterEach(async () => {
  await Promise.all(open.map((service) => service.close()));
  open = [];
  rmSync(folder, { recursive: true, force: true });
});

async function start(options: Partial<SaveServiceOptions> = {}): Promise<SaveService> {
  const service = await createSaveService({
    folder,
    pacs: (name) => {
      if (name === 'main') return pacs;
      if (name === 'other') return other;
      throw new UserError('pacs-unknown', 'No such PACS.', 'Choose another.');
    },
    validate: () => [],
    backOff: { firstMs: 20, mostMs: 50 },
    ...options,
  });
  open.push(service);
  return service;
}
const restart = async (service: SaveService, options?: Partial<SaveServiceOptions>): Promise<SaveService> => {
  await service.close();
  return start(options);
};
const request = (object: TestObject, name = 'main') => ({
  pacs: name,
  object,
  description: 'Liver',
  origin: 'session-1',
});

async function until(service: SaveService, id: string, state: SaveState['state']): Promise<SaveState> {
  for (let left = 500; left > 0; left--) {
    const save = await service.get(admin, id);
    if (save.state === state) return save;
    await sleep(10);
  }
  throw new Error(`the save did not become ${state}: ${JSON.stringify(await service.get(admin, id))}`);
}
const objectsIn = (path: string): string[] => readdirSync(path).filter((name) => name.endsWith('.dcm'));
const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error;

describe('a save', () => {
  it('is verified by what the PACS gives back; then only a record stays', async () => {
    const service = await start();
    const object = testObject();
    const save = await service.save(ada, request(object));
    expect(save).toMatchObject({ state: 'verified', attempts: 1, sopInstanceUid: object.sopInstanceUid, bytes: object.bytes.length }); // prettier-ignore
    expect(pacs.stored.get(object.sopInstanceUid)).toEqual(Buffer.from(object.bytes));
    expect(objectsIn(folder)).toEqual([]);
    await expect(service.object(ada, save.id)).rejects.toThrow(code('save-object-gone'));
    await expect(service.discard(ada, save.id)).rejects.toThrow(code('save-finished'));
    expect(await (await restart(service)).get(ada, save.id)).toEqual(save);
  });

  it('lies in files that nobody else can read', async () => {
    chmodSync(folder, 0o755);
    const service = await start();
    pacs.store_ = fails('pacs-unreachable');
    await service.save(ada, request(testObject()));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder).filter((one) => /dcm|json/.test(one))) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
      expect(name).not.toMatch(/ada|main|1\.2\./);
    }
  });

  it.each(['pacs-unreachable', 'pacs-busy', 'pacs-timeout', 'pacs-answer-invalid', 'pacs-failed'])(
    'waits through %s, is tried again by itself, and is verified',
    async (failure) => {
      const service = await start();
      pacs.store_ = fails(failure);
      const object = testObject();
      const save = await service.save(ada, request(object));
      expect(save).toMatchObject({ state: 'waiting' });
      expect(Date.parse(save.nextAttempt ?? '')).toBeGreaterThan(0);
      expect(save.message).toMatch(/safe on the server's disk/);
      expect(service.backlog()).toMatchObject({ waiting: 1, refused: 0, oldest: new Date(save.created) });
      expect(Buffer.from(await service.object(ada, save.id)).equals(object.bytes)).toBe(true);
      pacs.store_ = keeps;
      expect((await until(service, save.id, 'verified')).attempts).toBeGreaterThan(1);
      expect(service.backlog()).toEqual({ waiting: 0, refused: 0, damaged: 0 });
    },
  );

  it('that was stored although the answer was lost is found, not sent again', async () => {
    const service = await start();
    pacs.store_ = fails('pacs-unreachable', true);
    const save = await service.save(ada, request(testObject()));
    expect(save.state).toBe('waiting');
    await until(service, save.id, 'verified');
    expect(pacs.sent.length).toBe(1);
    pacs.store_ = fails('pacs-answer-invalid', true);
    expect((await service.save(ada, request(testObject()))).state).toBe('verified');
  });

  it('whose identifier is taken by another object is refused, whatever the PACS answers', async () => {
    const service = await start();
    const object = testObject();
    const old = testObject(
      { '0008103E': { vr: 'LO', Value: ['Old'] } },
      Number(object.sopInstanceUid.split('.').at(-2)),
    );
    pacs.stored.set(object.sopInstanceUid, old.bytes);
    const save = await service.save(ada, request(object));
    expect(save).toMatchObject({
      state: 'refused',
      message: expect.stringMatching(/differs.*\(0008,103E\)/) as string,
    });
    expect(pacs.stored.get(object.sopInstanceUid)).toBe(old.bytes);
    expect(Buffer.from(await service.object(ada, save.id)).equals(object.bytes)).toBe(true);
  });

  it('that is neither listed nor given back is refused', async () => {
    const service = await start();
    pacs.store_ = () => [];
    const save = await service.save(ada, request(testObject()));
    expect(save).toMatchObject({ state: 'refused', message: expect.stringMatching(/stored nothing/) as string });
  });

  it.each([
    [0x0110, 'refused', /another study.*0x0110/],
    [0x0122, 'refused', /SOP class.*0x0122/],
    [0xa700, 'waiting', /out of resources/],
    [0xa900, 'refused', /does not match/],
    [0xc000, 'refused', /cannot understand/],
    [undefined, 'refused', /no reason/],
  ])('that fails with reason %s is %s', async (failureReason, state, message) => {
    const service = await start();
    pacs.store_ = (_object, _stored, sopInstanceUid) => [{ sopInstanceUid, outcome: 'failed', failureReason }];
    const save = await service.save(ada, request(testObject()));
    expect(save).toMatchObject({ state, message: expect.stringMatching(message) as string });
  });

  it.each([
    ['pacs-unauthorised', {}],
    ['pacs-forbidden', {}],
    ['pacs-failed', { status: 415 }],
  ])('refused with %s stays, and goes through when it is retried by hand', async (failure, facts) => {
    const service = await start();
    pacs.store_ = fails(failure, false, facts);
    const save = await service.save(ada, request(testObject()));
    expect(save).toMatchObject({ state: 'refused', attempts: 1, message: expect.stringContaining(failure) as string });
    expect(save.nextAttempt).toBeUndefined();
    const again = await restart(service);
    expect(again.backlog()).toMatchObject({ waiting: 0, refused: 1 });
    pacs.store_ = keeps;
    expect(await again.retry(ada, save.id)).toMatchObject({ state: 'verified', attempts: 2 });
  });

  it('that a busy PACS answers with 503 is not refused', async () => {
    const service = await start();
    pacs.store_ = fails('pacs-failed', false, { status: 500 });
    expect((await service.save(ada, request(testObject()))).state).toBe('waiting');
  });

  it('is discarded by a person only, and its file goes', async () => {
    const service = await start();
    pacs.store_ = fails('pacs-forbidden');
    const save = await service.save(ada, request(testObject()));
    expect(await service.discard(ada, save.id)).toMatchObject({ state: 'discarded' });
    expect(objectsIn(folder)).toEqual([]);
    expect(service.backlog()).toEqual({ waiting: 0, refused: 0, damaged: 0 });
    await expect(service.retry(ada, save.id)).rejects.toThrow(code('save-finished'));
    expect(pacs.sent.length).toBe(1);
  });

  it('taken twice is one save; another object with its identifier is not taken', async () => {
    const service = await start();
    const object = testObject();
    const [first, second] = [await service.save(ada, request(object)), await service.save(ada, request(object))];
    expect(second).toEqual(first);
    expect(pacs.sent.length).toBe(1);
    const changed = { ...object, bytes: Uint8Array.from([...object.bytes, 0]) };
    await expect(service.save(ada, request(changed))).rejects.toThrow(code('save-uid-reused'));
  });

  it('that is not valid, or for a PACS that is not writable or unknown, is not taken', async () => {
    const problem = { severity: 'error' as const, code: 'x', message: 'Something is wrong.' };
    const service = await start({ validate: () => Promise.resolve([problem]) });
    await expect(service.save(ada, request(testObject()))).rejects.toThrow(code('seg-invalid'));
    await expect(service.save(ada, request(testObject(), 'none'))).rejects.toThrow(code('pacs-unknown'));
    other = new MemoryPacs('other', uidOf, false);
    await expect(service.save(ada, request(testObject(), 'other'))).rejects.toThrow(code('pacs-read-only'));
    expect(objectsIn(folder)).toEqual([]);
  });

  it('belongs to its owner; administrators see all', async () => {
    const service = await start();
    pacs.store_ = fails('pacs-forbidden');
    const save = await service.save(ada, request(testObject()));
    const eve = user('eve');
    for (const attempt of [service.get(eve, save.id), service.retry(eve, save.id), service.discard(eve, save.id), service.object(eve, save.id)]) {
      await expect(attempt).rejects.toThrow(code('save-not-found'));
    } // prettier-ignore
    expect(await service.list(eve)).toEqual([]);
    expect(await service.list(ada)).toEqual([save]);
    expect(await service.list(admin)).toEqual([save]);
  });

  it('beyond the limits is not taken, also when several come at once', async () => {
    const size = testObject().bytes.length;
    const service = await start({ limits: { objects: 2, bytes: 2.5 * size } });
    pacs.store_ = fails('pacs-forbidden');
    const results = await Promise.allSettled([1, 2, 3].map(() => service.save(ada, request(testObject()))));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    const [first] = await service.list(ada);
    await service.discard(ada, first.id);
    expect((await service.save(ada, request(testObject()))).state).toBe('refused');
    await expect(service.save(ada, request(testObject()))).rejects.toThrow(code('spool-full'));
    expect(objectsIn(folder).length).toBe(2);
  });

  it('is told to listeners, step by step, also past one that throws', async () => {
    const service = await start();
    const heard: string[] = [];
    service.subscribe(() => {
      throw new Error('a broken listener');
    });
    const stop = service.subscribe((save, origin, owner) => heard.push(`${save.state} ${origin} ${owner}`));
    await service.save(ada, request(testObject()));
    expect(heard).toEqual(['waiting', 'sending', 'verified'].map((state) => `${state} session-1 ada`));
    stop();
    await service.save(ada, request(testObject()));
    expect(heard.length).toBe(3);
  });
});

describe('a PACS that hangs', () => {
  it('delays neither the caller for ever nor another PACS, and does not pile up connections', async () => {
    const service = await start({ perPacs: 2, graceMs: 10 });
    let atOnce = 0;
    pacs.store_ = (_object, _stored, _uid, { signal }) =>
      new Promise((_, reject) => {
        atOnce++;
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    const stuck = await Promise.all([1, 2, 3, 4].map(() => service.save(ada, request(testObject()), 30)));
    expect(stuck.map(({ state }) => state).sort()).toEqual(['sending', 'sending', 'waiting', 'waiting']);
    expect((await service.save(ada, request(testObject(), 'other'))).state).toBe('verified');
    expect(atOnce).toBe(2);
    await expect(service.discard(ada, stuck.find(({ state }) => state === 'sending')?.id ?? '')).rejects.toThrow(code('save-busy')); // prettier-ignore
    // Closing breaks off what hangs and keeps all four.
    await service.close();
    pacs.store_ = keeps;
    const again = await start();
    for (const { id } of stuck) await until(again, id, 'verified');
  });

  it('is given up after the time of an attempt, and asked before it is sent to again', async () => {
    const service = await start({ attemptMs: 30 });
    pacs.store_ = (object, stored, uid, { signal }) => {
      stored.set(uid, object);
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
    };
    const save = await service.save(ada, request(testObject()));
    expect(save).toMatchObject({ state: 'waiting', message: expect.stringMatching(/longer than/) as string });
    await until(service, save.id, 'verified');
    expect(pacs.sent.length).toBe(1);
  });
});

describe('credentials of the caller', () => {
  it('go along, are not on disk, and are asked for again after a restart', async () => {
    const service = await start({ backOff: { firstMs: 60_000, mostMs: 60_000 } });
    const secret = 'Bearer secret-token';
    pacs.store_ = fails('pacs-unreachable');
    const save = await service.save(user('ada', secret), request(testObject()));
    expect(pacs.authorizations).toEqual([secret]);
    for (const name of readdirSync(folder)) {
      if (!['.lock', '.holder'].includes(name))
        expect(readFileSync(join(folder, name), 'latin1')).not.toContain('secret-token');
    }
    pacs.store_ = (object, stored, uid, call) =>
      call.authorization === secret
        ? keeps(object, stored, uid, call)
        : fails('pacs-unauthorised')(object, stored, uid, call);
    const again = await restart(service);
    expect(await again.retry(admin, save.id)).toMatchObject({
      state: 'waiting',
      message: expect.stringMatching(/owner must retry while signed in/) as string,
    });
    expect((await again.get(ada, save.id)).nextAttempt).toBeUndefined();
    expect(await again.retry(user('ada', secret), save.id)).toMatchObject({ state: 'verified' });
  });
});

describe('a spool that is opened again', () => {
  it('removes what was never promised and sets damaged records aside', async () => {
    const service = await start({ backOff: { firstMs: 60_000, mostMs: 60_000 } });
    pacs.store_ = fails('pacs-unreachable');
    const [torn, flipped, whole] = [
      await service.save(ada, request(testObject())),
      await service.save(ada, request(testObject())),
      await service.save(ada, request(testObject())),
    ];
    await service.close();
    const record = join(folder, `${torn.id}.json`);
    writeFileSync(record, readFileSync(record, 'utf8').slice(0, 100));
    const object = join(folder, `${flipped.id}.dcm`);
    const bytes = readFileSync(object);
    bytes[300] ^= 1;
    writeFileSync(object, bytes);
    writeFileSync(join(folder, '11111111-2222-4333-8444-555555555555.dcm'), 'never promised');
    writeFileSync(join(folder, '.x.dcm.0123456789ab.part'), 'never promised');

    const sentBefore = pacs.sent.length;
    pacs.store_ = keeps;
    const again = await start();
    expect(again.backlog()).toMatchObject({ damaged: 1 });
    expect(readdirSync(join(folder, 'damaged')).sort()).toEqual([`${torn.id}.dcm`, `${torn.id}.json`]);
    expect(existsSync(join(folder, '11111111-2222-4333-8444-555555555555.dcm'))).toBe(false);
    expect(existsSync(join(folder, '.x.dcm.0123456789ab.part'))).toBe(false);
    expect(await again.retry(ada, flipped.id)).toMatchObject({ state: 'refused', message: expect.stringMatching(/damaged/) as string }); // prettier-ignore
    await expect(again.object(ada, flipped.id)).rejects.toThrow(code('save-damaged'));
    expect(await again.retry(ada, whole.id)).toMatchObject({ state: 'verified' });
    expect(pacs.sent.slice(sentBefore)).toEqual([whole.sopInstanceUid]);
  });

  it('forgets old records of finished saves, and nothing else', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    const clock = { now: () => now, backOff: { firstMs: 1e9, mostMs: 1e9 }, limits: { recordDays: 2, records: 2 } };
    const service = await start(clock);
    const done = await service.save(ada, request(testObject()));
    pacs.store_ = fails('pacs-unreachable');
    const waiting = await service.save(ada, request(testObject()));
    pacs.store_ = fails('pacs-forbidden');
    const refused = await service.save(ada, request(testObject()));
    now += 3 * 24 * 3600_000;
    const again = await restart(service, clock);
    await expect(again.get(ada, done.id)).rejects.toThrow(code('save-not-found'));
    expect((await again.list(ada)).map(({ id }) => id).sort()).toEqual([waiting.id, refused.id].sort());
  });

  it("is one process's alone", async () => {
    await start();
    // The same process counts as another one: two services must not share a folder.
    const second = createSaveService({ folder, pacs: () => pacs, validate: () => [] });
    await expect(second).rejects.toThrow(code('folder-busy'));
  }, 30_000);
});
