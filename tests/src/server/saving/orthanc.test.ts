import { createPacs, pacsConfigSchema, type OpenPacs } from '@medsam2/server/dicomweb';
import { compareInstances, createSaveService, type SaveService, type SaveServiceOptions } from '@medsam2/server/saving';
import { testObject } from '@medsam2/server/saving/testing';
import { validateSeg, writeSeg, type SegObject } from '@medsam2/server/segmentation';
import { writeInstance } from '@medsam2/server/testing';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.js';
import { phantomSource } from '../segmentation/sources.js';

const ada = { id: 'ada', roles: new Set(['annotator'] as const) };
const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error;

describeWithOrthanc('saving to a real PACS', () => {
  let orthanc: Orthanc;
  let proxy: TcpProxy;
  let pacs: OpenPacs;
  let proxied: OpenPacs;
  let folder: string;
  let open: SaveService[] = [];

  beforeAll(async () => {
    orthanc = await startOrthanc();
    proxy = await startTcpProxy(orthanc.port);
  });
  afterAll(async () => {
    await proxy.close();
    await orthanc.close();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'medsam2-saves-'));
    pacs = pacsAt(orthanc.url);
    proxied = pacsAt(`http://127.0.0.1:${proxy.port}/dicom-web`);
    proxy.behaviour = {};
  });
  afterEach(async () => {
    await Promise.all(open.map((service) => service.close()));
    open = [];
    await Promise.all([pacs.close(), proxied.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const pacsAt = (url: string, more: object = {}): OpenPacs =>
    createPacs(
      pacsConfigSchema.parse({
        name: 'main',
        url,
        writable: true,
        timeouts: { connect: 500, firstByte: 1000, idle: 1000, store: 2000 },
        retries: { attempts: 1 },
        ...more,
      }),
    );
  async function start(to: OpenPacs = pacs, options: Partial<SaveServiceOptions> = {}): Promise<SaveService> {
    const backOff = { firstMs: 100, mostMs: 300 };
    const service = await createSaveService({
      folder,
      pacs: () => to,
      validate: () => [],
      backOff,
      graceMs: 100,
      ...options,
    });
    open.push(service);
    return service;
  }
  const request = (object: SegObject) => ({ pacs: 'main', object, description: 'test', origin: 'session' });
  /** How many instances of this identifier the PACS holds. */
  async function held({ sopInstanceUid }: SegObject): Promise<number> {
    const body = JSON.stringify({ Level: 'Instance', Query: { SOPInstanceUID: sopInstanceUid } });
    return ((await (await orthanc.fetch('/tools/find', { method: 'POST', body })).json()) as unknown[]).length;
  }
  async function until(service: SaveService, id: string, state: string) {
    for (let left = 1000; left > 0; left--) {
      const save = await service.get(ada, id);
      if (save.state === state) return save;
      await sleep(20);
    }
    throw new Error(`it did not become ${state}: ${JSON.stringify(await service.get(ada, id))}`);
  }
  const requireStored = async (object: SegObject): Promise<void> => {
    const back = await pacs.instance(object.studyInstanceUid, object.seriesInstanceUid, object.sopInstanceUid);
    expect(compareInstances(object.bytes, back)).toEqual([]);
    expect(await held(object)).toBe(1);
  };

  it('stores a segmentation, finds it by query and reads it back equal', async () => {
    const object = segmentation();
    const service = await start(pacs, { validate: (bytes) => validateSeg(bytes) });
    const begin = performance.now();
    const save = await service.save(ada, request(object));
    process.stderr.write(
      `${object.bytes.length} bytes stored and verified in ${Math.round(performance.now() - begin)} ms\n`,
    );
    expect(save).toMatchObject({ state: 'verified', attempts: 1 });
    await requireStored(object);
    const found = await pacs.searchInstances(object.studyInstanceUid, object.seriesInstanceUid, {});
    expect(found.map((dataset) => dataset['00080018']?.Value)).toEqual([[object.sopInstanceUid]]);
  });

  it('does not send what the validator refuses', async () => {
    const service = await start(pacs, { validate: (bytes) => validateSeg(bytes) });
    const object = testObject();
    await expect(service.save(ada, request(object))).rejects.toThrow(code('seg-invalid'));
    expect(await held(object)).toBe(0);
  });

  it('keeps objects while the PACS is stopped, over a restart of the server, and sends them when it is back', async () => {
    const service = await start();
    await orthanc.stop();
    const objects = [testObject(), testObject(), testObject()];
    const saves = await Promise.all(objects.map((object) => service.save(ada, request(object))));
    for (const save of saves)
      expect(save).toMatchObject({ state: 'waiting', message: expect.stringMatching(/cannot be reached/) as string });
    expect(service.backlog()).toMatchObject({ waiting: 3 });
    await service.close();
    const again = await start();
    expect(again.backlog()).toMatchObject({ waiting: 3, oldest: expect.any(Date) as Date });
    await orthanc.start();
    for (const { id } of saves) await until(again, id, 'verified');
    for (const object of objects) await requireStored(object);
    expect(readdirSync(folder).filter((name) => name.endsWith('.dcm'))).toEqual([]);
  });

  it('survives that the PACS is killed or frozen on the way', async () => {
    const service = await start();
    const [first, second] = [testObject(), testObject()];
    orthanc.pause();
    const frozen = await service.save(ada, request(first));
    expect(frozen).toMatchObject({
      state: 'waiting',
      message: expect.stringMatching(/too long|cannot be reached/) as string,
    });
    await orthanc.kill();
    const gone = await service.save(ada, request(second));
    expect(gone.state).toBe('waiting');
    await orthanc.start();
    for (const { id } of [frozen, gone]) await until(service, id, 'verified');
    for (const object of [first, second]) await requireStored(object);
  });

  it('knows the trap of a used identifier: 200 and listed, and the old content stays', async () => {
    const service = await start();
    const object = testObject();
    const old = writeInstance({ ...object.elements, '0008103E': { vr: 'LO', Value: ['Older'] } });
    expect(await orthanc.upload([old])).toMatchObject([{ status: 'Success' }]);
    const [answer] = await pacs.store(object.studyInstanceUid, object.bytes);
    expect(answer.outcome).toBe('listed');
    const save = await service.save(ada, request(object));
    expect(save).toMatchObject({
      state: 'refused',
      message: expect.stringMatching(/differs from what was sent: \(0008,103E\)/) as string,
    });
    const back = await pacs.instance(object.studyInstanceUid, object.seriesInstanceUid, object.sopInstanceUid);
    expect(compareInstances(old, back)).toEqual([]);
    expect(Buffer.from(await service.object(ada, save.id)).equals(object.bytes)).toBe(true);
  });

  it.each([
    ['the SOP Instance UID', '00080018'],
    ['the study', '0020000D'],
    ['the series', '0020000E'],
  ])('refuses an object without %s, which the PACS would drop', async (_what, tag) => {
    const service = await start();
    const whole = testObject();
    const object = { ...whole, bytes: writeInstance({ ...whole.elements, [tag]: { vr: 'UI', Value: [] } }) };
    const save = await service.save(ada, request(object));
    expect(save.state).toBe('refused');
    expect(await held(object)).toBe(0);
    expect((await service.object(ada, save.id)).length).toBe(object.bytes.length);
  });

  it('refuses an object that belongs to another study, with the reason of the PACS', async () => {
    const service = await start();
    const object = { ...testObject(), studyInstanceUid: '1.2.3.4' };
    expect(await service.save(ada, request(object))).toMatchObject({
      state: 'refused',
      message: expect.stringMatching(/0x0110/) as string,
    });
  });

  it('tells wrong credentials from a PACS that is away', async () => {
    const guarded = await startOrthanc({ users: { ada: 'right' } });
    const closed = pacsAt(guarded.url, { credentials: { kind: 'basic', user: 'ada', password: 'wrong' } });
    try {
      const service = await start(closed);
      expect(await service.save(ada, request(testObject()))).toMatchObject({
        state: 'refused',
        message: expect.stringMatching(/does not accept the credentials/) as string,
      });
    } finally {
      await closed.close();
      await guarded.close();
    }
  });

  it('is patient with a slow line', async () => {
    const service = await start(proxied);
    proxy.behaviour = { delayMs: 150 };
    const object = segmentation();
    expect(await service.save(ada, request(object))).toMatchObject({ state: 'verified' });
    await requireStored(object);
  });

  it('does not send twice when the answer to STOW is lost or cut', async () => {
    for (const behaviour of [{ dropAnswerTo: 'POST ' }, { cutAfter: 120 }]) {
      const service = await start(proxied);
      proxy.behaviour = behaviour;
      const object = testObject();
      const save = await service.save(ada, request(object));
      expect(['waiting', 'verified']).toContain(save.state);
      expect(await held(object)).toBe(1);
      proxy.behaviour = {};
      await until(service, save.id, 'verified');
      await requireStored(object);
      await service.close();
    }
  });

  it('does not take a read-back that is cut off for a difference', async () => {
    const service = await start(proxied);
    const object = segmentation();
    await pacs.store(object.studyInstanceUid, object.bytes);
    proxy.behaviour = { cutAfter: 900 };
    const save = await service.save(ada, { ...request(object), mayBeStored: true });
    expect(save).toMatchObject({ state: 'waiting', message: expect.stringMatching(/read back/) as string });
    proxy.behaviour = {};
    await until(service, save.id, 'verified');
  });

  it('loses nothing and stores nothing twice when its process is killed at any step', async () => {
    const steps = ['object-written', 'record-written', 'sending', 'sent', 'verified', 'record-finished'];
    const child = fileURLToPath(new URL('./save-child.js', import.meta.url));
    const outcomes = await Promise.all(
      steps.map(async (step) => {
        const object = testObject();
        const place = join(folder, step);
        const path = join(folder, `${step}.dcm`);
        mkdirSync(place);
        writeFileSync(path, object.bytes);
        const run = spawn(process.execPath, [child, place, orthanc.url, path, step], { stdio: 'inherit' });
        const signal = await new Promise((resolve) => run.once('exit', (_code, by) => resolve(by)));
        expect(signal).toBe('SIGKILL');
        const service = await start(pacs, { folder: place });
        const [save] = await service.list(ada);
        if (save !== undefined) await until(service, save.id, 'verified');
        const count = await held(object);
        if (count > 0) await requireStored(object);
        return { step, promised: save !== undefined, count };
      }),
    );
    // Before its record is written, nothing was promised: the object is not there, and no trace of it stays.
    expect(outcomes).toEqual(
      steps.map((step) => ({ step, promised: step !== 'object-written', count: step === 'object-written' ? 0 : 1 })),
    );
    expect(readdirSync(join(folder, 'object-written')).filter((name) => !['.lock', '.holder'].includes(name))).toEqual(
      [],
    );
  }, 90_000);

  it('takes nothing when the disk is full, finishes what it has, and goes on when there is room', async () => {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]).status === 0;
    if (!mounted) {
      process.stderr.write('skipped: a small disk needs the right to mount one\n');
      return;
    }
    try {
      const service = await start();
      await orthanc.stop();
      const waiting = await service.save(ada, request(testObject()));
      writeFileSync(join(folder, 'ballast'), new Uint8Array(120 * 1024));
      const large = testObject({ '7FE00010': { vr: 'OB', Value: [new Uint8Array(160 * 1024).buffer] } });
      await expect(service.save(ada, request(large))).rejects.toThrow(code('spool-full'));
      expect((await service.list(ada)).length).toBe(1);
      expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
      // Not a block is left: the outcome must be written down all the same.
      const room = 4096 * Math.ceil((256 * 1024) / 4096);
      for (let size = room; size >= 512; size = Math.floor(size / 2)) {
        try {
          writeFileSync(join(folder, 'filler'), new Uint8Array(size), { flag: 'a' });
        } catch {
          // the disk took what it could
        }
      }
      await orthanc.start();
      expect(await until(service, waiting.id, 'verified')).toMatchObject({ state: 'verified' });
      await service.close();
      rmSync(join(folder, 'ballast'));
      rmSync(join(folder, 'filler'), { force: true });
      const again = await start();
      expect(await again.get(ada, waiting.id)).toMatchObject({ state: 'verified' });
      expect(await again.save(ada, request(testObject()))).toMatchObject({ state: 'verified' });
      await again.close();
    } finally {
      spawnSync('umount', [folder]);
    }
  });
});

/** A segmentation with two segments on a phantom, as the writer makes it. */
function segmentation(): SegObject {
  const source = phantomSource({ columns: 65, rows: 33, slices: 10 });
  const { rows, columns } = source.geometry;
  const disc = (radius: number): Uint8Array =>
    Uint8Array.from({ length: rows * columns }, (_, at) =>
      Math.hypot((at % columns) - 30, Math.floor(at / columns) - 15) < radius ? 1 : 0,
    );
  const terms = {
    category: { scheme: 'SCT', value: '123037004', meaning: 'Anatomical Structure' },
    type: { scheme: 'SCT', value: '10200004', meaning: 'Liver' },
  };
  const segment = (number: number, radius: number, slices: number[]) => ({
    label: `Segment ${number}`,
    terms,
    colour: [200, 100 * number, 50] as const,
    trackingId: `segment ${number}`,
    trackingUid: `2.25.${1000 + number}`,
    algorithmType: 'SEMIAUTOMATIC' as const,
    slices,
    mask: () => disc(radius),
  });
  return writeSeg({
    source,
    segments: [segment(1, 9, [2, 3, 4]), segment(2, 5, [4, 5])],
    provenance: {
      softwareName: 'medsam2',
      softwareVersion: '0.1.0',
      deviceSerialNumber: 'test',
      creator: '',
      reviewed: false,
      model: { name: 'small', version: '1', sha256: 'a'.repeat(64), demonstration: true, parameters: [] },
    },
    format: 'binary',
    description: 'Test',
    seriesNumber: 9001,
    instanceNumber: 1,
    now: new Date('2026-01-02T03:04:05Z'),
  });
}
