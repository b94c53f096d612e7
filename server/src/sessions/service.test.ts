import { encodeRuns } from '@medsam2/protocol/stream';
import { randomUUID } from 'node:crypto';
import { userError } from '@medsam2/models/testing/errors';
import { makePhantom } from '../imaging/testing/phantom.js';
import type { SessionService } from './types.js';
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

const phantom = makePhantom({ seed: 3, columns: 48, rows: 40, slices: 14, noise: 0, objects: 1 });
const [target] = phantom.ellipsoids;
const [x, y, z] = target.centre;
const key = Math.round(z);
const box: [number, number, number, number] = [
  x - target.radii[0],
  y - target.radii[1],
  x + target.radii[0],
  y + target.radii[1],
];

let rig: Harness;
let service: SessionService;
let source: { study: string; series: string };

beforeEach(async () => {
  rig = await harness();
  source = rig.pacs.add(phantom.volume, 1);
  service = await rig.start();
});

afterEach(() => rig.end());

const boxOn = (segment: number, slice = key) => ({
  segment,
  drawing: { kind: 'box' as const, place: { slice }, box },
  preview: true,
});

async function withBox(): Promise<string> {
  const { id } = await ready(service, ada, request(source));
  await service.addSegment(ada, id, {});
  await service.putPrompt(ada, id, randomUUID(), boxOn(1));
  return id;
}

async function propagated(id: string, more: object = {}) {
  await service.propagate(ada, id, propagation({ stop: { absentSlices: null }, ...more }));
  return until(service, ada, id, runEnded);
}

describe('the life of a session', () => {
  it('answers before the images are there, and then is ready', async () => {
    const created = await service.create(ada, request(source));
    expect(created.phase).toBe('loading');
    expect(created.volume).toMatchObject({ slices: 14, rows: 40, columns: 48, modality: 'CT' });
    const state = await until(service, ada, created.id, ({ phase }) => phase === 'ready');
    expect(state.loading).toEqual({ done: 14, total: 14 });
    expect(state.window.text).toMatch(/abdomen/);
    expect(await service.images(ada, created.id)).toHaveLength(14);
  });

  it('takes a box, answers with the mask, follows the object, and undoes all of it', async () => {
    const { id } = await ready(service, ada, request(source));
    const segment = await service.addSegment(ada, id, { label: 'Node' });
    const answer = await service.putPrompt(ada, id, randomUUID(), boxOn(segment.id));
    expect(answer.scores).toMatchObject([{ segment: 1, slice: key, origin: 'prompt' }]);
    expect(answer.scores[0].pixels).toBeGreaterThan(10);
    const first = await masksOf(service, ada, id);
    const done = await propagated(id);
    expect(done.run).toMatchObject({ state: 'done', done: 14, total: 14 });
    const all = await masksOf(service, ada, id);
    expect(all.size).toBeGreaterThan(3);
    expect(all.has(`1/${key}`)).toBe(true);
    await service.undo(ada, id);
    expect(await masksOf(service, ada, id)).toEqual(first);
    await service.undo(ada, id);
    expect(await masksOf(service, ada, id)).toEqual(new Map());
    await service.undo(ada, id);
    expect((await userError(() => service.undo(ada, id))).code).toBe('nothing-to-undo');
    for (let i = 0; i < 3; i++) await service.redo(ada, id);
    expect(await masksOf(service, ada, id)).toEqual(all);
  });

  it('ends with its removal, and its journal does as well', async () => {
    const id = await withBox();
    await service.remove(ada, id);
    expect((await userError(() => service.get(ada, id))).code).toBe('session-not-found');
    await service.close();
    expect(await (await rig.start()).list(ada)).toEqual([]);
  });
});

describe('corrections', () => {
  it('keep a slice drawn by hand to the pixel, through propagation and its undo', async () => {
    const id = await withBox();
    await propagated(id);
    const mask = new Uint8Array(40 * 48).fill(1, 500, 520);
    const runs = encodeRuns(mask);
    const score = await service.editSlice(ada, id, 1, key + 1, { rows: 40, columns: 48, runs });
    expect(score).toMatchObject({ origin: 'edited', pixels: 20, iou: 1 });
    await propagated(id);
    expect((await masksOf(service, ada, id)).get(`1/${key + 1}`)).toBe(Buffer.from(runs).toString('base64'));
  });

  it('of a stretch change nothing outside of it', async () => {
    const id = await withBox();
    await propagated(id);
    const before = await masksOf(service, ada, id);
    const revision = (await service.get(ada, id)).revision;
    // No prompt inside: bridged from the masks beside it.
    await propagated(id, { range: { first: key + 1, last: key + 2 } });
    const changed = await service.changes(ada, id, revision);
    const slices = changed.flatMap(({ header }) => (header.type === 'slice' ? [header.slice] : []));
    expect(slices.sort()).toEqual([key + 1, key + 2]);
    const after = await masksOf(service, ada, id);
    for (const [place, runs] of before) {
      if (slices.some((slice) => place === `1/${slice}`)) continue;
      expect([place, after.get(place)]).toEqual([place, runs]);
    }
  });

  it('by a point go on from the mask that is there, and take it back when the point goes', async () => {
    const id = await withBox();
    await propagated(id);
    const before = (await masksOf(service, ada, id)).get(`1/${key + 1}`);
    const decodes: boolean[] = [];
    rig.runners[0].answer = ({ input, usual }) => {
      decodes.push(input.maskInput !== undefined);
      return { ...usual, masks: usual.masks.map((value) => value - 3) };
    };
    const point = randomUUID();
    const drawing = { kind: 'points' as const, place: { slice: key + 1 }, points: [{ x, y, label: 1 as const }] };
    await service.putPrompt(ada, id, point, { segment: 1, drawing, preview: true });
    expect(decodes.at(-1)).toBe(true);
    expect((await masksOf(service, ada, id)).get(`1/${key + 1}`)).not.toBe(before);
    await service.removePrompt(ada, id, point);
    expect((await masksOf(service, ada, id)).get(`1/${key + 1}`)).toBe(before);
  });

  it('leave a locked segment alone', async () => {
    const id = await withBox();
    await service.changeSegment(ada, id, 1, { locked: true });
    const refused = [
      () => service.putPrompt(ada, id, randomUUID(), boxOn(1)),
      () => service.editSlice(ada, id, 1, 0, { rows: 40, columns: 48, runs: new Uint8Array() }),
      () => service.propagate(ada, id, propagation({ segments: [1] })),
      () => service.reset(ada, id, 1),
      () => service.removeSegment(ada, id, 1),
    ];
    for (const call of refused) expect((await userError(call)).code).toBe('segment-locked');
    expect((await userError(() => service.propagate(ada, id, propagation()))).code).toBe('nothing-to-propagate');
    const before = await masksOf(service, ada, id);
    await service.reset(ada, id);
    expect(await masksOf(service, ada, id)).toEqual(before);
  });
});

describe('a propagation', () => {
  it('ends a direction after slices without the object, and clears what stood there', async () => {
    const id = await withBox();
    await propagated(id);
    expect((await masksOf(service, ada, id)).has(`1/${key + 1}`)).toBe(true);
    rig.runners[0].answer = ({ input, usual }) =>
      input.labels[0] === 2 ? usual : { ...usual, masks: new Float32Array(256).fill(-1024), presence: -3 };
    const { run } = await propagated(id, { stop: { absentSlices: 1 } });
    expect(run?.message).toMatch(/forward: ended before slice .*not seen any more/);
    expect([...(await masksOf(service, ada, id)).keys()]).toEqual([`1/${key}`]);
  });

  it('keeps what has arrived when it is cancelled', async () => {
    const id = await withBox();
    const begun = new Promise<void>((resolve) => {
      rig.runners[0].answer = ({ usual }) => {
        if (rig.runners[0].attended.length > 3) resolve();
        return usual;
      };
    });
    await service.propagate(ada, id, propagation({ stop: { absentSlices: null } }));
    await begun;
    const { run } = await service.cancel(ada, id);
    expect(run?.state).toBe('cancelled');
    expect(run?.done).toBeGreaterThan(1);
    expect(run?.done).toBeLessThan(14);
    expect((await masksOf(service, ada, id)).size).toBeGreaterThan(1);
    await service.undo(ada, id);
    expect([...(await masksOf(service, ada, id)).keys()]).toEqual([`1/${key}`]);
  });

  it('keeps its segment to itself, and lets others be worked on', async () => {
    const id = await withBox();
    await service.addSegment(ada, id, {});
    const go = rig.runners[0].stop();
    await service.propagate(ada, id, propagation({ segments: [1] }));
    for (const call of [
      () => service.putPrompt(ada, id, randomUUID(), boxOn(1)),
      () => service.undo(ada, id),
      () => service.reset(ada, id),
      () => service.propagate(ada, id, propagation()),
    ]) {
      expect((await userError(call)).code).toBe('session-busy');
    }
    await service.changeSegment(ada, id, 2, { label: 'Other' });
    go();
    await service.putPrompt(ada, id, randomUUID(), boxOn(2));
    const state = await until(service, ada, id, runEnded);
    expect(state.run?.state).toBe('done');
    const both = await masksOf(service, ada, id);
    // What was done last is undone first, and the propagation of the other segment stays.
    await service.undo(ada, id);
    const rest = await masksOf(service, ada, id);
    expect(rest.size).toBe(both.size - 1);
    expect(rest.has(`2/${key}`)).toBe(false);
  });

  it('has nothing to start from without a prompt', async () => {
    const { id } = await ready(service, ada, request(source));
    await service.addSegment(ada, id, {});
    expect((await userError(() => service.propagate(ada, id, propagation()))).code).toBe('nothing-to-propagate');
  });
});

describe('several users', () => {
  it("do not see each other's sessions, an administrator sees all", async () => {
    const id = await withBox();
    const bob = user('bob');
    for (const call of [
      () => service.get(bob, id),
      () => service.journal(bob, id),
      () => service.remove(bob, id),
      () => service.putPrompt(bob, id, randomUUID(), boxOn(1)),
      () => service.changes(bob, id, 0),
    ]) {
      expect((await userError(call)).code).toBe('session-not-found');
    }
    expect(await service.list(bob)).toEqual([]);
    expect(await service.list(user('root', 'admin'))).toHaveLength(1);
    expect((await service.get(user('root', 'admin'), id)).id).toBe(id);
  });

  it('share one volume and the features, but only those whom the PACS lets see it', async () => {
    await ready(service, ada, request(source));
    await until(service, ada, (await service.list(ada))[0].id, ({ encoded }) => encoded === 14);
    const used = service.memory().used;
    const second = await ready(service, user('bob'), request(source));
    await until(service, user('bob'), second.id, ({ encoded }) => encoded === 14);
    expect(rig.pacs.loads).toBe(1);
    expect(service.memory().used).toBe(used);
    expect(rig.runners[0].encoded).toHaveLength(14);
    rig.pacs.mayRead = () => false;
    expect((await userError(() => service.create(user('eve'), request(source)))).code).toBe('pacs-forbidden');
  });

  it('get what they would get alone', async () => {
    const alone = await withBox();
    await propagated(alone);
    const expected = await masksOf(service, ada, alone);
    const all = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const principal = user(`user ${index}`);
        const { id } = await ready(service, principal, request(source));
        await service.addSegment(principal, id, {});
        await service.putPrompt(principal, id, randomUUID(), boxOn(1));
        await service.propagate(principal, id, propagation({ stop: { absentSlices: null } }));
        await until(service, principal, id, runEnded);
        return masksOf(service, principal, id);
      }),
    );
    for (const masks of all) expect(masks).toEqual(expected);
  });

  it('have a number of sessions each', async () => {
    await service.close();
    service = await rig.start({ limits: { sessionsPerUser: 2 } });
    await service.create(ada, request(source));
    await service.create(ada, request(source));
    expect((await userError(() => service.create(ada, request(source)))).code).toBe('too-many-sessions');
    await service.create(user('bob'), request(source));
  });

  it('are not counted for somebody else while they are made', async () => {
    await service.close();
    service = await rig.start({ limits: { sessionsPerUser: 2 } });
    const owners = ['ada', 'bob', 'ada', 'bob'].map((id) => user(id));
    await Promise.all(owners.map((owner) => service.create(owner, request(source))));
    const once = [user('eve'), user('eve'), user('eve')].map((eve) => service.create(eve, request(source)));
    expect((await Promise.allSettled(once)).map(({ status }) => status).sort()).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
  });
});
