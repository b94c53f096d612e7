import { registrySettings, resolveModel, type RegistrySettings } from '@medsam2/models';
import { decodeRuns, encodeRuns } from '@medsam2/protocol/stream';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultOptions } from '../engine/options.js';
import { createImageSource, resolveWindow } from '../imaging/window.js';
import { makePhantom } from '../imaging/testing/phantom.js';
import { openModel } from '../inference/open-model.js';
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

/** The built-in model, in its worker, on phantoms. */
const phantom = makePhantom({ seed: 5, columns: 112, rows: 96, slices: 16, objects: 2 });
const size = 112 * 96;
const truth = (label: number, slice: number) =>
  phantom.truth.labels.subarray(slice * size, (slice + 1) * size).map((value) => (value === label ? 1 : 0));

function boxOf(label: number, slice: number): [number, number, number, number] {
  const box: [number, number, number, number] = [Infinity, Infinity, -1, -1];
  truth(label, slice).forEach((value, at) => {
    if (value === 0) return;
    const [x, y] = [at % 112, Math.floor(at / 112)];
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  });
  return box;
}

const dice = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let [both, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== 0 && b[i] !== 0) both++;
    sum += (a[i] !== 0 ? 1 : 0) + (b[i] !== 0 ? 1 : 0);
  }
  return sum === 0 ? 1 : (2 * both) / sum;
};

const key = (label: number) => Math.round(phantom.ellipsoids[label - 1].centre[2]);

let directory: string;
let settings: RegistrySettings;
let rig: Harness;
let service: SessionService;
let source: { study: string; series: string };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'medsam2-nano-'));
  settings = registrySettings({ MEDSAM2_MODELS_DIR: directory });
  rig = await harness({
    resolve: (name) => resolveModel(settings, name),
    open: (model) => openModel(model, { device: { kind: 'cpu', index: 0 }, threads: 1 }),
  });
  source = rig.pacs.add(phantom.volume, 1);
  service = await rig.start();
});

afterAll(async () => {
  await rig.end();
  await rm(directory, { recursive: true, force: true });
});

async function begun(principal = ada, on = source): Promise<string> {
  const { id } = await ready(service, principal, request(on));
  await service.addSegment(principal, id, {});
  return id;
}

const box = (segment: number, label: number) => ({
  segment,
  drawing: { kind: 'box' as const, place: { slice: key(label) }, box: boxOf(label, key(label)) },
  preview: true,
});

const maskIn = (masks: Map<string, string>, segment: number, slice: number): Uint8Array =>
  decodeRuns(Buffer.from(masks.get(`${segment}/${slice}`) ?? '', 'base64'), size);

it('segments a phantom, is corrected, and gives every state back', async () => {
  const id = await begun();
  const answer = await service.putPrompt(ada, id, randomUUID(), box(1, 1));
  expect(answer.absent).toEqual([]);
  expect(dice(maskIn(await masksOf(service, ada, id), 1, key(1)), truth(1, key(1)))).toBeGreaterThan(0.8);

  await service.propagate(ada, id, propagation());
  expect((await until(service, ada, id, runEnded)).run?.state).toBe('done');
  const first = await masksOf(service, ada, id);

  const drawn = truth(1, key(1) + 1);

  await service.editSlice(ada, id, 1, key(1) + 1, { rows: 96, columns: 112, runs: encodeRuns(drawn) });
  await service.propagate(ada, id, propagation({ range: { first: key(1) + 2, last: key(1) + 3 } }));
  await until(service, ada, id, runEnded);
  const repaired = await masksOf(service, ada, id);
  expect([...maskIn(repaired, 1, key(1) + 1)]).toEqual([...drawn]);
  for (const [place, runs] of first) {
    const slice = Number(place.split('/')[1]);
    if (slice > key(1) && slice <= key(1) + 3) continue;
    expect([place, repaired.get(place)]).toEqual([place, runs]);
  }
  await service.undo(ada, id);
  await service.undo(ada, id);
  expect(await masksOf(service, ada, id)).toEqual(first);
});

it('gives exactly the masks of the engine', async () => {
  const id = await begun();
  await service.putPrompt(ada, id, randomUUID(), box(1, 2));
  await service.propagate(ada, id, propagation({ stop: { absentSlices: null } }));
  await until(service, ada, id, runEnded);
  const masks = await masksOf(service, ada, id);

  const lease = await rig.models.acquire('nano');
  const { volume } = phantom;
  const target = lease.segmenter.open(createImageSource(volume, resolveWindow(volume, { kind: 'auto' })));
  const events = target.segment({
    objects: [{ label: 1, prompts: [{ kind: 'box', slice: key(2), box: boxOf(2, key(2)) }] }],
    direction: 'both',
    options: { ...defaultOptions, view: lease.model.view, following: lease.model.following },
  });
  let slices = 0;
  for await (const event of events) {
    if (event.type !== 'slice') continue;
    slices++;
    expect([event.slice, dice(event.mask, maskIn(masks, 1, event.slice))]).toEqual([event.slice, 1]);
  }
  expect(slices).toBe(16);
  target.close();
  lease.release();
});

it('answers a drawing across the stack, and fills the volume from it', async () => {
  const single = makePhantom({ seed: 5, columns: 112, rows: 96, slices: 16, objects: 1 });
  const id = await begun(ada, rig.pacs.add(single.volume, 2));
  const { centre, radii } = single.ellipsoids[0];
  const { spacing, origin } = single.volume.geometry;
  const world = (x: number, y: number, z: number): [number, number, number] => [
    origin[0] + x * spacing[0],
    origin[1] + y * spacing[1],
    origin[2] + z * spacing[2],
  ];
  const column = Math.round(centre[0]);
  const [y0, y1] = [centre[1] - radii[1], centre[1] + radii[1]];
  const [z0, z1] = [Math.max(0, centre[2] - radii[2]), Math.min(15, centre[2] + radii[2])];
  const corners = [world(column, y0, z0), world(column, y1, z0), world(column, y1, z1), world(column, y0, z1)];
  const drawing = { kind: 'world-box' as const, corners };
  const answer = await service.putPrompt(ada, id, randomUUID(), { segment: 1, drawing, preview: true });
  expect(answer.prompt.slice).toBe(column);
  // One line of pixels on each slice that the object reaches.
  for (const { slice } of answer.scores) {
    const mask = maskIn(await masksOf(service, ada, id), 1, slice);
    mask.forEach((value, at) => {
      if (value === 1) expect(at % 112).toBe(column);
    });
  }
  expect(answer.scores.length).toBeGreaterThan(2);
  await service.propagate(ada, id, propagation());
  const { run } = await until(service, ada, id, runEnded);
  expect(run?.state).toBe('done');
  const masks = await masksOf(service, ada, id);
  for (const slice of [-2, 0, 2].map((step) => Math.round(centre[2]) + step)) {
    const own = single.truth.labels.subarray(slice * size, (slice + 1) * size);
    expect(dice(maskIn(masks, 1, slice), own)).toBeGreaterThan(0.9);
  }
});

it('serves several users at once as it serves one', async () => {
  const alone = await begun();
  await service.putPrompt(ada, alone, randomUUID(), box(1, 1));
  await service.propagate(ada, alone, propagation());
  await until(service, ada, alone, runEnded);
  const expected = await masksOf(service, ada, alone);
  const all = await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const principal = user(`user ${index}`);
      const id = await begun(principal);
      await service.putPrompt(principal, id, randomUUID(), box(1, 1));
      await service.propagate(principal, id, propagation());
      await until(service, principal, id, runEnded);
      return masksOf(service, principal, id);
    }),
  );
  for (const masks of all) expect(masks).toEqual(expected);
});
