import { repositoryRoot, runPython, testPython } from '@medsam2/models/testing';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toAuditEvent } from './fhir.js';
import { readAudit } from './read.js';
import type { AuditRecord } from './record.js';
import { openAuditTrail } from './trail.js';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'medsam2-audit-')), 'audit');
});
afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

const record = (number: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
  time: new Date(Date.UTC(2024, 0, 31, 12, 0, number)).toISOString(),
  request: `request-${number}`,
  user: number % 2 === 0 ? 'anna' : 'ben',
  roles: ['reader'],
  address: '127.0.0.1',
  what: 'session.read',
  action: 'read',
  outcome: 'done',
  status: 200,
  study: `1.2.${number}`,
  ...more,
});

describe('the audit trail', () => {
  it('keeps lines in order, however many are written at once, in files nobody else reads', async () => {
    const trail = await openAuditTrail({
      directory: folder,
      fileBytes: 2 ** 20,
      now: () => new Date('2024-01-31T23:00:00Z'),
    });
    await Promise.all(Array.from({ length: 200 }, (_, number) => trail.write(record(number), number % 50 === 0)));
    await trail.close();
    expect(readdirSync(folder)).toEqual(['audit-20240131-0001.jsonl']);
    const lines = readFileSync(join(folder, 'audit-20240131-0001.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as AuditRecord).request)).toEqual(
      Array.from({ length: 200 }, (_, number) => `request-${number}`),
    );
    expect(statSync(join(folder, 'audit-20240131-0001.jsonl')).mode & 0o77).toBe(0);
    expect(statSync(folder).mode & 0o77).toBe(0);
  });

  it('begins a new file with the size, with the day, and with each start', async () => {
    let now = new Date('2024-01-31T23:59:59Z');
    const open = () => openAuditTrail({ directory: folder, fileBytes: 300, now: () => now });
    const first = await open();
    for (let number = 0; number < 3; number++) await first.write(record(number));
    now = new Date('2024-02-01T00:00:01Z');
    await first.write(record(3));
    await first.close();
    const second = await open();
    await second.write(record(4));
    await second.close();
    expect(readdirSync(folder).sort()).toEqual([
      'audit-20240131-0001.jsonl',
      'audit-20240131-0002.jsonl',
      'audit-20240201-0001.jsonl',
      'audit-20240201-0002.jsonl',
    ]);
    const { records } = await readAudit(folder, { limit: 100 });
    expect(records.map(({ request }) => request)).toEqual([0, 1, 2, 3, 4].map((number) => `request-${number}`));
  });

  it('refuses when it cannot write, and goes on when it can again', async () => {
    const trail = await openAuditTrail({
      directory: folder,
      fileBytes: 2 ** 20,
      now: () => new Date('2024-01-31T12:00:00Z'),
    });
    await trail.write(record(0));
    // a file where the next one must be, in a folder that is none: also root cannot write there
    await trail.close();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
    await expect(trail.write(record(1))).rejects.toMatchObject({ code: 'audit-failed' });
    rmSync(folder);
    const again = await openAuditTrail({ directory: folder, fileBytes: 2 ** 20 });
    await again.close();
    await trail.write(record(2));
    await trail.close();
    expect((await readAudit(folder, { limit: 10 })).records.map(({ request }) => request)).toEqual(['request-2']);
  });

  it('is read in pages, by user, study and time, past damaged lines', async () => {
    const trail = await openAuditTrail({
      directory: folder,
      fileBytes: 1500,
      now: () => new Date('2024-01-31T12:00:00Z'),
    });
    for (let number = 0; number < 20; number++) await trail.write(record(number));
    await trail.close();
    const [first] = readdirSync(folder).sort();
    writeFileSync(join(folder, first), `${readFileSync(join(folder, first), 'utf8')}{"time":"2024`, { mode: 0o600 });
    const seen: string[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const page = await readAudit(folder, { limit: 7, after });
      seen.push(...page.records.map(({ request }) => request));
      after = page.next;
      pages++;
    } while (after !== undefined);
    expect([seen.length, new Set(seen).size, pages]).toEqual([20, 20, 3]);
    const count = async (query: object) => (await readAudit(folder, { limit: 100, ...query })).records.length;
    expect(await count({ user: 'anna' })).toBe(10);
    expect(await count({ study: '1.2.5' })).toBe(1);
    expect(await count({ from: '2024-01-31T12:00:15.000Z' })).toBe(5);
    expect(await count({ to: '2024-01-31T12:00:04.000Z' })).toBe(5);
    expect(await count({ from: '2024-02-01T00:00:00.000Z' })).toBe(0);
    for (const wrong of ['../../etc/passwd:0', 'audit-20240131-0001.jsonl', 'audit-20240131-0001.jsonl:x'])
      await expect(readAudit(folder, { limit: 1, after: wrong })).rejects.toMatchObject({ code: 'audit-cursor' });
  });
});

describe('as FHIR', () => {
  const records = [
    record(1, {
      what: 'session.create',
      action: 'create',
      session: '4b1d',
      series: '1.2.3',
      pacs: 'main',
      model: 'nano',
    }),
    record(2, { outcome: 'refused', status: 404, code: 'session-not-found', user: undefined, roles: undefined }),
    record(3, { what: 'dicomweb.store', action: 'create', outcome: 'failed', status: 502, code: 'pacs-failed' }),
    record(4, { what: 'authenticate', action: 'execute', outcome: 'begun', study: undefined, address: undefined }),
    record(5, { what: 'audit.read', action: 'delete' }),
    record(6, { what: 'dicomweb.search', action: 'update', job: '7', save: '8', segment: 2 }),
  ];

  it('says who, what, when, how it went and about which study', () => {
    expect(toAuditEvent(records[0], 'r4', 'server')).toMatchObject({
      resourceType: 'AuditEvent',
      type: { code: '110103' },
      subtype: [{ code: 'session.create' }],
      action: 'C',
      outcome: '0',
      agent: [{ who: { identifier: { value: 'ben' } }, requestor: true, network: { address: '127.0.0.1', type: '2' } }],
      entity: expect.arrayContaining([
        expect.objectContaining({ what: { identifier: { system: 'urn:dicom:uid', value: 'urn:oid:1.2.1' } } }),
        expect.objectContaining({ detail: [{ type: 'model', valueString: 'nano' }] }),
      ]) as unknown,
    });
    expect(toAuditEvent(records[1], 'r5', 'server')).toMatchObject({
      code: { coding: [{ code: 'session.read' }] },
      outcome: { code: { code: 'error' }, detail: [{ text: 'session-not-found' }] },
    });
  });

  const python = testPython();
  (python === undefined ? it.skip : it)('is valid for an independent implementation, in R4 and R5', () => {
    const events = (['r4', 'r5'] as const).flatMap((release) =>
      records.map((one) => ({ release, event: toAuditEvent(one, release, 'server') })),
    );
    const script = readFileSync(join(repositoryRoot(), 'server/src/http/audit/check_fhir.py'), 'utf8');
    const checked = runPython(python ?? '', script, JSON.stringify(events));
    expect(JSON.parse(checked)).toEqual({ checked: 12, problems: [] });
  });
});
