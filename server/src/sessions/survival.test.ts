import { userError } from '@medsam2/models/testing/errors';
import { encodeRuns } from '@medsam2/protocol/stream';
import { randomUUID } from 'node:crypto';
import { appendFile, readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makePhantom } from '../imaging/testing/phantom.js';
import { TestDisk } from './testing/disk.js';
import {
  ada,
  harness,
  masksOf,
  propagation,
  ready,
  request,
  runEnded,
  until,
  user,
  type Harness,
} from './testing/harness.js';
import type { SessionService } from './types.js';

const phantom = makePhantom({ seed: 3, columns: 48, rows: 40, slices: 14, noise: 0, objects: 1 });
const [{ centre, radii }] = phantom.ellipsoids;
const key = Math.round(centre[2]);
const box: [number, number, number, number] = [
  centre[0] - radii[0],
  centre[1] - radii[1],
  centre[0] + radii[0],
  centre[1] + radii[1],
];
const boxPrompt = { segment: 1, drawing: { kind: 'box' as const, place: { slice: key }, box }, preview: true };

let rig: Harness;
let source: { study: string; series: string };

beforeEach(async () => {
  rig = await harness();
  source = rig.pacs.add(phantom.volume, 1);
});

afterEach(() => rig.end());

async function segmented(service: SessionService): Promise<string> {
  const { id } = await ready(service, ada, request(source));
  await service.addSegment(ada, id, { label: 'Node' });
  await service.putPrompt(ada, id, randomUUID(), boxPrompt);
  return id;
}

async function propagated(service: SessionService, id: string) {
  await service.propagate(ada, id, propagation({ stop: { absentSlices: null } }));
  return until(service, ada, id, runEnded);
}

const journalOf = (id: string) => join(rig.folder, id, 'journal.jsonl');

describe('after a restart', () => {
  it('everything is there again without asking the model, and can be undone', async () => {
    const first = await rig.start();
    const id = await segmented(first);
    await propagated(first, id);
    const runs = encodeRuns(new Uint8Array(48 * 40).fill(1, 100, 140));
    await first.editSlice(ada, id, 1, 2, { rows: 40, columns: 48, runs });
    const masks = await masksOf(first, ada, id);
    const before = await first.get(ada, id);
    await first.close();

    const second = await rig.start();
    const [listed] = await second.list(ada);
    expect(listed).toMatchObject({ id, phase: 'closed', segments: before.segments, prompts: before.prompts });
    expect(rig.pacs.loads).toBe(1);
    const decodes = rig.runners.map(({ attended }) => attended.length);
    expect(await masksOf(second, ada, id)).toEqual(masks);
    const after = await until(second, ada, id, ({ phase }) => phase === 'ready');
    expect({ ...after, idleAt: '', encoded: 0, loading: 0 }).toEqual({ ...before, idleAt: '', encoded: 0, loading: 0 });
    expect(rig.runners.map(({ attended }) => attended.length)).toEqual(decodes);
    await second.undo(ada, id);
    await second.undo(ada, id);
    expect((await masksOf(second, ada, id)).size).toBe(1);
    await propagated(second, id);
    await second.undo(ada, id);
    await second.redo(ada, id);
    const rest = await masksOf(second, ada, id);
    rest.delete('1/2');
    masks.delete('1/2');
    expect(rest).toEqual(masks);
  });

  it('belongs to its owner as before, and only while the PACS lets them see the series', async () => {
    const first = await rig.start();
    const id = await segmented(first);
    await first.close();
    const second = await rig.start();
    expect((await userError(() => second.get(user('bob'), id))).code).toBe('session-not-found');
    rig.pacs.mayRead = () => false;
    expect((await userError(() => second.get(ada, id))).code).toBe('pacs-forbidden');
    rig.pacs.mayRead = () => true;
    expect((await second.get(ada, id)).id).toBe(id);
  });

  it('is not opened on other images', async () => {
    const first = await rig.start();
    const id = await segmented(first);
    await first.close();
    rig.pacs.add(makePhantom({ columns: 48, rows: 40, slices: 13 }).volume, 1);
    const second = await rig.start();
    expect((await userError(() => second.get(ada, id))).code).toBe('series-changed');
  });
});

describe('a crash in the middle of a propagation', () => {
  it('loses nothing that was told, and says what happened', async () => {
    const disk = new TestDisk();
    const first = await rig.start({ openJournal: disk.openFile });
    const id = await segmented(first);
    const told: string[] = [];
    const listener = new AbortController();
    const listening = (async () => {
      for await (const { header } of first.events(ada, id, 0, listener.signal)) {
        if (header.type !== 'slice' || header.origin === 'prompt') continue;
        told.push(`${header.segment}/${header.slice}`);
        if (told.length === 4) disk.crash();
        if (told.length === 4) return;
      }
    })();
    await first.propagate(ada, id, propagation({ stop: { absentSlices: null } }));
    await listening;
    rig.abandon(first);
    // Half a line, as a write that was cut off leaves it.
    await appendFile(journalOf(id), '{"type":"results","ru');

    const second = await rig.start();
    const state = await until(second, ada, id, ({ phase }) => phase === 'ready');
    expect(state.run).toMatchObject({ state: 'cancelled', message: expect.stringMatching(/server stopped/) as string });
    const seen = new Set(
      (await second.changes(ada, id, 0)).flatMap(({ header }) =>
        header.type === 'slice' ? [`${header.segment}/${header.slice}`] : [],
      ),
    );
    expect(told.filter((place) => !seen.has(place))).toEqual([]);
    // The torn line is gone, and what is written now can be read again.
    await second.addSegment(ada, id, { label: 'After' });
    await second.close();
    const third = await rig.start();
    expect((await third.get(ada, id)).segments.map(({ label }) => label)).toEqual(['Node', 'After']);
  });
});

describe('a disk that is full', () => {
  it('refuses the change, which has then not happened, and goes on when there is room', async () => {
    const disk = new TestDisk();
    const service = await rig.start({ openJournal: disk.openFile });
    const id = await segmented(service);
    const before = await masksOf(service, ada, id);
    disk.room = 20;
    const runs = encodeRuns(new Uint8Array(48 * 40).fill(1, 100, 140));
    const edit = () => service.editSlice(ada, id, 1, 2, { rows: 40, columns: 48, runs });
    expect((await userError(edit)).code).toBe('journal-failed');
    expect((await userError(() => service.undo(ada, id))).code).toBe('journal-failed');
    expect((await userError(() => service.create(ada, request(source)))).code).toBe('journal-failed');
    expect(await masksOf(service, ada, id)).toEqual(before);
    expect(await service.list(ada)).toHaveLength(1);
    disk.room = Infinity;
    await edit();
    await service.close();
    const again = await rig.start();
    expect((await masksOf(again, ada, id)).size).toBe(before.size + 1);
  });

  it('ends a propagation with the reason, and keeps what came before', async () => {
    const disk = new TestDisk();
    const service = await rig.start({ openJournal: disk.openFile });
    const id = await segmented(service);
    disk.room = 1500;
    const { run } = await propagated(service, id);
    expect(run).toMatchObject({ state: 'failed', message: expect.stringMatching(/disk/) as string });
    expect((await masksOf(service, ada, id)).size).toBeGreaterThan(1);
  });
});

describe('a journal', () => {
  it('says what was asked, and nothing about the patient', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    await propagated(service, id);
    const text = await service.journal(ada, id);
    const types = text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types.slice(0, 4)).toEqual(['session', 'step', 'step', 'run']);
    expect(types.at(-1)).toBe('run-end');
    expect(text).not.toMatch(/Phantom/);
    expect(text).toContain(source.series);
  });

  it('that is damaged is told as such and spoils no other session', async () => {
    const first = await rig.start();
    const broken = await segmented(first);
    const whole = await segmented(first);
    await first.close();
    const lines = (await readFile(journalOf(broken), 'utf8')).split('\n');
    lines[1] = lines[1].replace('"changes"', '"chances"');
    await writeFile(journalOf(broken), lines.join('\n'));
    const second = await rig.start();
    const error = await userError(() => second.get(ada, broken));
    expect(error.code).toBe('journal-damaged');
    expect(error.message).toContain('line 2');
    expect((await second.list(ada)).map(({ id }) => id)).toEqual([whole]);
    await second.remove(ada, broken);
    expect(await readdir(rig.folder)).toEqual([whole]);
  });

  it('of nothing but a torn first line is no session', async () => {
    const first = await rig.start();
    const id = await segmented(first);
    await first.close();
    await truncate(journalOf(id), 30);
    const second = await rig.start();
    expect(await second.list(ada)).toEqual([]);
    expect(rig.problems.join()).toMatch(/damaged/);
  });

  it('has a largest size', async () => {
    const service = await rig.start({ limits: { journalBytes: 4000 } });
    const id = await segmented(service);
    const fill = async () => {
      for (let i = 0; i < 100; i++) await service.addSegment(ada, id, {});
    };
    expect((await userError(fill)).code).toBe('journal-failed');
  });
});
