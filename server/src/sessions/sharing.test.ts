import { UserError } from '@medsam2/models';
import { userError } from '@medsam2/models/testing/errors';
import type { StreamEvent } from '@medsam2/protocol';
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { makePhantom } from '../imaging/testing/phantom.js';
import {
  ada,
  harness,
  masksOf,
  propagation,
  ready,
  request,
  runEnded,
  savedState,
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
/** Bytes of the phantom's voxels. */
const voxels = 48 * 40 * 14 * 2;

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

describe('events', () => {
  const placesOf = (events: readonly StreamEvent[]) =>
    events.flatMap(({ header }) => (header.type === 'slice' ? [`${header.segment}/${header.slice}`] : []));

  it('are the state, every slice, and how the run goes; then what happens', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    const stop = new AbortController();
    const seen: StreamEvent[] = [];
    const listening = (async () => {
      for await (const event of service.events(ada, id, 0, stop.signal)) {
        seen.push(event);
        if (event.header.type === 'run' && event.header.run.state === 'done') return;
      }
    })();
    await propagated(service, id);
    await listening;
    expect(seen[0].header.type).toBe('state');
    expect(new Set(placesOf(seen)).size).toBe(14);
    const masks = await masksOf(service, ada, id);
    const last = new Map(
      seen.flatMap(({ header, payload }): [string, string][] =>
        header.type === 'slice' && payload.length > 0
          ? [[`${header.segment}/${header.slice}`, Buffer.from(payload).toString('base64')]]
          : [],
      ),
    );
    expect(last).toEqual(masks);
  });

  it('go on where a broken connection ended, wherever that was: nothing is missing, nothing comes twice', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    await propagated(service, id);
    await service.undo(ada, id);
    await service.redo(ada, id);
    const all = (await service.changes(ada, id, 0)).filter(({ header }) => header.type === 'slice');
    for (let read = 0; read < all.length; read++) {
      const cursor = read === 0 ? 0 : revisionOf(all[read - 1]);
      const rest = (await service.changes(ada, id, cursor)).filter(({ header }) => header.type === 'slice');
      expect(placesOf(rest)).toEqual(placesOf(all.slice(read)));
    }
  });

  it('tell of slices that an undo emptied', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    const { revision } = await propagated(service, id);
    await service.undo(ada, id);
    const events = await service.changes(ada, id, revision);
    const emptied = events.filter(({ header, payload }) => header.type === 'slice' && payload.length === 0);
    expect(placesOf(emptied)).toHaveLength(13);
  });

  it('reach a slow client as the newest masks only, and nobody waits for it', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    const stop = new AbortController();
    const slow = service.events(ada, id, 0, stop.signal)[Symbol.asyncIterator]();
    await slow.next();
    for (let round = 0; round < 3; round++) await propagated(service, id);
    const { revision } = await service.get(ada, id);
    const missed: StreamEvent[] = [];
    for (;;) {
      const next = await slow.next();
      if (next.done === true) break;
      missed.push(next.value);
      if (next.value.header.type === 'run') break;
    }
    stop.abort();
    await slow.return?.(undefined);
    // Three propagations of 14 slices, and one of each is told.
    expect(placesOf(missed)).toHaveLength(new Set(placesOf(missed)).size);
    expect(Math.max(...missed.map(revisionOf))).toBeLessThanOrEqual(revision);
    expect(new Set(placesOf(missed)).size).toBe(14);
  });

  it('are pings while nothing happens, and end with the session', async () => {
    const service = await rig.start({ limits: { pingMs: 10 } });
    const { id } = await ready(service, ada, request(source));
    await until(service, ada, id, ({ encoded }) => encoded === 14);
    const types: string[] = [];
    for await (const { header } of service.events(ada, id, 0, new AbortController().signal)) {
      types.push(header.type);
      if (header.type === 'ping') await service.remove(ada, id);
    }
    expect(types).toContain('ping');
    expect(types.at(-1)).toBe('closed');
  });

  it('are refused to others before anything is told', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    const events = service.events(user('bob'), id, 0, new AbortController().signal)[Symbol.asyncIterator]();
    expect((await userError(() => events.next())).code).toBe('session-not-found');
  });
});

describe('memory', () => {
  const limits = { memoryBytes: voxels + 1000, featureBytes: 0 };

  it('is refused before anything is loaded that does not fit', async () => {
    const service = await rig.start({ limits: { ...limits, memoryBytes: voxels - 1 } });
    expect((await userError(() => service.create(ada, request(source)))).code).toBe('memory-exhausted');
    expect(rig.pacs.loads).toBe(0);
    expect(await service.list(ada)).toEqual([]);
  });

  it('is made by putting away those whose client is gone, never those who are there', async () => {
    let now = Date.now();
    const service = await rig.start({ limits, now: () => new Date(now) });
    const id = await segmented(service);
    const masks = await masksOf(service, ada, id);
    const other = rig.pacs.add(phantom.volume, 2);
    expect((await userError(() => service.create(user('bob'), request(other)))).code).toBe('memory-exhausted');
    now += 61_000;
    const stream = new AbortController();
    const watching = service.events(ada, id, 0, stream.signal)[Symbol.asyncIterator]();
    await watching.next();
    now += 61_000;
    expect((await userError(() => service.create(user('bob'), request(other)))).code).toBe('memory-exhausted');
    stream.abort();
    await watching.return?.(undefined);
    now += 61_000;
    await ready(service, user('bob'), request(other));
    expect(service.memory()).toMatchObject({ sessions: 1, budget: voxels + 1000 });
    expect((await service.list(ada))[0].phase).toBe('closed');
    now += 61_000;
    // Back again when it is asked for, at the cost of the other one.
    expect(await masksOf(service, ada, id)).toEqual(masks);
  });

  it('is given back when the last session of a volume ends', async () => {
    const service = await rig.start();
    const first = await ready(service, ada, request(source));
    const second = await ready(service, ada, request(source));
    await until(service, ada, second.id, ({ encoded }) => encoded === 14);
    await until(service, ada, first.id, ({ encoded }) => encoded === 14);
    await service.remove(ada, first.id);
    expect(service.memory().used).toBeGreaterThan(voxels);
    await service.remove(ada, second.id);
    await setImmediate();
    expect(service.memory()).toMatchObject({ used: 0, sessions: 0 });
    expect(rig.runners[0].held).toBe(0);
  });
});

describe('loading', () => {
  it('that fails is told with its reason, to whoever asks for something', async () => {
    const service = await rig.start();
    rig.pacs.beforeInstance = () => Promise.reject(new Error('gone'));
    const { id } = await service.create(ada, request(source));
    const state = await until(service, ada, id, ({ phase }) => phase !== 'loading');
    expect(state).toMatchObject({ phase: 'failed', problem: { code: 'internal-error' } });
    expect(JSON.stringify(state)).not.toContain('gone');
    expect(rig.problems.join()).toContain('gone');
  });

  it('is tried again by whoever asks next when the PACS was the reason, and only then', async () => {
    const service = await rig.start();
    const broken = async (code: string): Promise<string> => {
      rig.pacs.beforeInstance = () => Promise.reject(new UserError(code, 'It broke.', 'Try again.'));
      const { id } = await service.create(ada, request(source));
      await until(service, ada, id, ({ phase }) => phase === 'failed');
      await service.addSegment(ada, id, {});
      expect((await userError(() => service.putPrompt(ada, id, randomUUID(), boxPrompt))).code).toBe(code);
      rig.pacs.beforeInstance = () => Promise.resolve();
      return id;
    };
    const cut = await broken('pacs-answer-invalid');
    expect((await service.putPrompt(ada, cut, randomUUID(), boxPrompt)).scores).toHaveLength(1);
    const state = await service.get(ada, cut);
    expect(state).toMatchObject({ phase: 'ready', loading: { done: 14, total: 14 } });
    expect(state.problem).toBeUndefined();
    await service.remove(ada, cut);
    const damaged = await broken('truncated-pixel-data');
    const still = await userError(() => service.putPrompt(ada, damaged, randomUUID(), boxPrompt));
    expect(still.code).toBe('truncated-pixel-data');
  });

  it('is waited for by a prompt, and not for ever', async () => {
    let go = (): void => undefined;
    rig.pacs.beforeInstance = () => new Promise((resolve) => (go = resolve));
    const service = await rig.start({ limits: { readyMs: 30 } });
    const { id } = await service.create(ada, request(source));
    await service.addSegment(ada, id, {});
    const early = await userError(() => service.putPrompt(ada, id, randomUUID(), boxPrompt));
    expect(early.code).toBe('session-not-ready');
    rig.pacs.beforeInstance = () => Promise.resolve();
    go();
    await until(service, ada, id, ({ phase }) => phase === 'ready');
    expect((await service.putPrompt(ada, id, randomUUID(), boxPrompt)).scores).toHaveLength(1);
  });

  it('ends when everybody has left, and begins anew for the next', async () => {
    let asked = 0;
    rig.pacs.beforeInstance = () => (asked++ === 0 ? new Promise(() => undefined) : Promise.resolve());
    const service = await rig.start();
    const { id } = await service.create(ada, request(source));
    await service.remove(ada, id);
    expect(service.memory().used).toBe(0);
    await ready(service, ada, request(source));
  });
});

describe('saving', () => {
  it('hands over what was segmented and how', async () => {
    rig.pacs.segmentations = [
      { '0008103E': { vr: 'LO', Value: ['Nodes (demonstration)'] }, '00200011': { vr: 'IS', Value: [9300] } },
    ];
    const service = await rig.start();
    const id = await segmented(service);
    await propagated(service, id);
    const save = await service.save(ada, id, { format: 'binary', reviewed: true, description: 'Nodes' });
    expect(save.description).toBe('Nodes (demonstration) v2');
    expect(rig.saved).toHaveLength(1);
    const { object, origin } = rig.saved[0];
    expect(origin).toBe(id);
    expect(object.bytes.length).toBeGreaterThan(1000);
    const text = Buffer.from(object.bytes).toString('latin1');
    for (const part of ['SEMIAUTOMATIC', 'window=preset abdomen', 'prompts=box', 'view=full', `sha256=toy`]) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain('MANUAL');
  });

  it('calls a segment drawn by hand manual, and names no model', async () => {
    const service = await rig.start();
    const { id } = await ready(service, ada, request(source));
    await service.addSegment(ada, id, {});
    await service.editSlice(ada, id, 1, 3, { rows: 40, columns: 48, runs: Uint8Array.of(100, 20) });
    await service.save(ada, id, { format: 'binary', reviewed: true });
    const text = Buffer.from(rig.saved[0].object.bytes).toString('latin1');
    expect(text).toContain('MANUAL');
    expect(text).not.toContain('sha256=');
  });

  it('is over when the PACS has confirmed it: then nothing is unsaved, until something changes', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    expect((await service.get(ada, id)).unsaved).toBe(true);
    const save = await service.save(ada, id, { format: 'binary', reviewed: false });
    expect((await service.get(ada, id)).unsaved).toBe(true);
    rig.tellSave({ ...savedState(rig.saved[0], 'verified'), id: save.id }, id);
    await until(service, ada, id, ({ unsaved }) => !unsaved);
    await service.undo(ada, id);
    await service.redo(ada, id);
    expect((await service.get(ada, id)).unsaved).toBe(true);
  });

  it('of some segments leaves the others unsaved', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    await service.addSegment(ada, id, {});
    await service.putPrompt(ada, id, randomUUID(), { ...boxPrompt, segment: 2 });
    const save = await service.save(ada, id, { format: 'binary', reviewed: false, segments: [1] });
    rig.tellSave({ ...savedState(rig.saved[0], 'verified'), id: save.id }, id);
    expect((await service.get(ada, id)).unsaved).toBe(true);
  });

  it('is noted also when the session was put to disk before the PACS confirmed it', async () => {
    let now = Date.now();
    const limits = { memoryBytes: voxels + 1000, featureBytes: 0 };
    const service = await rig.start({ limits, now: () => new Date(now) });
    const id = await segmented(service);
    const save = await service.save(ada, id, { format: 'binary', reviewed: false });
    now += 61_000;
    await ready(service, user('bob'), request(rig.pacs.add(phantom.volume, 2)));
    expect((await service.list(ada))[0]).toMatchObject({ phase: 'closed', unsaved: true });
    rig.tellSave({ ...savedState(rig.saved[0], 'verified'), id: save.id }, id);
    const listed = async () => (await service.list(ada))[0];
    while ((await listed()).unsaved) await setImmediate();
    expect(await listed()).toMatchObject({ phase: 'closed', unsaved: false });
  });

  it('needs something to save', async () => {
    const service = await rig.start();
    const { id } = await ready(service, ada, request(source));
    await service.addSegment(ada, id, {});
    const error = await userError(() => service.save(ada, id, { format: 'binary', reviewed: false }));
    expect(error.code).toBe('nothing-to-save');
  });

  it('can be gone on from: a session begins with the segments of a segmentation', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    await propagated(service, id);
    const { bytes, fileName, contentType } = await service.exportLabelMap(ada, id, 'dcm');
    expect([fileName.slice(-4), contentType]).toEqual(['.dcm', 'application/dicom']);
    rig.pacs.addObject('1.2.3', '1.2.3.4', bytes);
    const segmentation = { series: '1.2.3', sopInstanceUid: '1.2.3.4' };
    const next = await ready(service, ada, request(source, { segmentation }));
    expect(next.segments.map(({ label }) => label)).toEqual(['Node']);
    expect(await masksOf(service, ada, next.id)).toEqual(await masksOf(service, ada, id));
    expect(next.segments[0].trackingUid).toBe((await service.get(ada, id)).segments[0].trackingUid);

    // What was read still says what made it, whoever saves it now.
    const save = await service.save(ada, next.id, { format: 'binary', reviewed: false, description: 'Nodes' });
    expect(save.description).toBe('Nodes (demonstration)');
    const text = Buffer.from(rig.saved[0].object.bytes).toString('latin1');
    expect(text).toContain('toy (demonstration)');
    expect(text).not.toContain('MANUAL');
  });

  it('names the model that made the masks, not the one that the session changed to since', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    await propagated(service, id);
    await service.change(ada, id, { model: 'other' });
    await service.save(ada, id, { format: 'binary', reviewed: false });
    await service.addSegment(ada, id, {});
    await service.putPrompt(ada, id, randomUUID(), { ...boxPrompt, segment: 2 });
    await service.save(ada, id, { format: 'binary', reviewed: false });
    await service.save(ada, id, { format: 'binary', reviewed: false, segments: [2] });
    const [before, both, only] = rig.saved.map(({ object }) => Buffer.from(object.bytes).toString('latin1'));
    expect([before.includes('sha256=toy0'), before.includes('other')]).toEqual([true, false]);
    expect([both.includes('sha256=toy0'), both.includes('also=other sha256 other0')]).toEqual([true, true]);
    expect([only.includes('sha256=other0'), only.includes('sha256=toy0')]).toEqual([true, false]);
  });
});

describe('results', () => {
  it('are measured and exported', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    await propagated(service, id);
    const [figures] = await service.statistics(ada, id);
    expect(figures).toMatchObject({ segment: 1, unit: 'HU', axisUnit: 'mm' });
    expect(figures.volumeMl).toBeCloseTo((figures.voxels * 0.8 * 0.9 * 3) / 1000, 6);
    for (const format of ['nii.gz', 'nrrd', 'npz'] as const) {
      const { bytes, fileName } = await service.exportLabelMap(ada, id, format);
      expect(bytes.length).toBeGreaterThan(100);
      expect(fileName.endsWith(format)).toBe(true);
    }
  });

  it('can be made again by another model', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    await propagated(service, id);
    const other = await service.replay(ada, id, 'other');
    expect(other.model.name).toBe('other');
    await until(service, ada, other.id, runEnded);
    expect(await masksOf(service, ada, other.id)).toEqual(await masksOf(service, ada, id));
    expect(rig.runners).toHaveLength(2);
  });

  it('stay when the model or the window changes', async () => {
    const service = await rig.start();
    const id = await segmented(service);
    const masks = await masksOf(service, ada, id);
    const state = await service.change(ada, id, { model: 'other', window: { centre: 100, width: 1000 } });
    expect(state).toMatchObject({
      model: { name: 'other' },
      window: { text: expect.stringMatching(/-400 to 600/) as string },
    });
    expect(await masksOf(service, ada, id)).toEqual(masks);
    const refused = await userError(() => service.change(ada, id, { window: { preset: 'teeth' } }));
    expect(refused.code).toBe('window-invalid');
    expect((await service.get(ada, id)).window.choice).toEqual({ centre: 100, width: 1000 });
  });
});

function revisionOf({ header }: StreamEvent): number {
  return header.type === 'slice' ? header.revision : 0;
}
