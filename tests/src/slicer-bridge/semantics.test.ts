import {
  defaultOptions,
  Segmenter,
  type GraphRunner,
  type ObjectPrompts,
  type Prompt,
  type SegmentationTarget,
} from '@medsam2/server';
import { makePhantom } from '@medsam2/server/testing';
import { compatStack } from '@medsam2/slicer-bridge';
import { openTestModels, startTestBridge, type TestBridge, type TestModels } from './bridge.js';
import { float64, int16, int64, labelsOf, npz, PlugIn } from './plug-in.js';

const [slices, rows, columns] = [8, 48, 64];
const area = rows * columns;
const { volume, truth } = makePhantom({ columns, rows, slices, seed: 7, objects: 1 });
// shown as the module's window presets leave it: 0..255 in the stored type
const voxels = Int16Array.from(volume.voxels, (value) => Math.min(255, Math.max(0, (value + 160) / 2)));
const stack = compatStack({ slices, rows, columns, channels: 1, voxels });
const options = { ...defaultOptions, view: 'roi' as const, following: 'prompted' as const, fillHoleArea: 8 };
const slice = 4;

const truthOn = (k: number): Uint8Array => Uint8Array.from(truth.labels.subarray(k * area, (k + 1) * area));
const box = bounds(truthOn(slice));

const image = (): Promise<Buffer> =>
  npz({
    imgs: int16([slices, rows, columns], voxels),
    boxes: int64([1, 4], box),
    z_range: int64([3], [1, 7, slice]),
  });

function bounds(mask: Uint8Array): [number, number, number, number] {
  const inside = [...mask.keys()].filter((i) => mask[i] > 0);
  const [xs, ys] = [inside.map((i) => i % columns), inside.map((i) => Math.floor(i / columns))];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** A middle mask with the given slices painted. */
function painted(masks: ReadonlyMap<number, Uint8Array>): Promise<Buffer> {
  const labels = new Float64Array(slices * area);
  for (const [k, mask] of masks) labels.set(mask, k * area);
  return npz({ segs: float64([slices, rows, columns], labels) });
}

const points = (additions: number[][], subtractions: number[][]): Promise<Buffer> =>
  npz({
    bboxes: int64([1, 4], box),
    zrange: int64([2], [1, 7]),
    points_addition: additions.length > 0 ? int64([additions.length, 3], additions.flat()) : float64([0], []),
    points_subtraction:
      subtractions.length > 0 ? int64([subtractions.length, 3], subtractions.flat()) : float64([0], []),
    img_size: int64([3], [slices, rows, columns]),
  });

async function tracked(target: SegmentationTarget, prompts: readonly Prompt[], reprompt = false): Promise<Uint8Array> {
  const labels = new Uint8Array(slices * area);
  const objects: ObjectPrompts[] = [{ label: 1, prompts }];
  const conditioning = reprompt ? ('direct' as const) : ('mask' as const);
  const request = {
    objects,
    range: { first: 1, last: 7 },
    direction: 'both' as const,
    options: { ...options, conditioning },
  };
  for await (const event of target.segment(request)) {
    if (event.type === 'slice') labels.set(event.mask, event.slice * area);
  }
  return labels;
}

describe.each(['compat', 'better'] as const)('semantics %s', (semantics) => {
  let models: TestModels;
  let bridge: TestBridge;
  let plugIn: PlugIn;
  let encoded = 0;
  beforeAll(async () => {
    models = await openTestModels({
      observe: (segmenter) => {
        const inner = segmenter.graphs;
        const graphs: GraphRunner = {
          architecture: inner.architecture,
          host: inner.host,
          encode: (images, ...rest) => {
            encoded += images.length;
            return inner.encode(images, ...rest);
          },
          attend: (...request) => inner.attend(...request),
          decode: (...request) => inner.decode(...request),
          encodeMemory: (...request) => inner.encodeMemory(...request),
          release: (handle) => inner.release(handle),
          onLost: (listener) => inner.onLost(listener),
          close: () => Promise.resolve(),
        };
        return new Segmenter(graphs, { featureBudget: 2 ** 26 });
      },
    });
    bridge = await startTestBridge(models.library, { semantics });
    plugIn = new PlugIn({ port: bridge.port });
  });
  afterAll(async () => {
    await bridge.close();
    await models.close();
  });

  async function click(upload: Buffer, run: () => Promise<{ status: number }>): Promise<Uint8Array> {
    expect((await plugIn.upload(upload)).status).toBe(200);
    expect((await run()).status).toBe(200);
    return (await labelsOf(await plugIn.download())).values;
  }

  it('encodes a slice once, however often its volume is sent', async () => {
    const first = await click(await image(), () => plugIn.run('N'));
    expect(encoded).toBe(1);
    const again = await click(await image(), () => plugIn.run('N'));
    expect(encoded).toBe(1);
    expect(Buffer.from(again).equals(Buffer.from(first))).toBe(true);
  });

  it('takes painted slices and points as it says', async () => {
    await click(await image(), () => plugIn.run('N'));
    const masks = new Map([3, 5].map((k) => [k, truthOn(k)]));
    const full = await click(await painted(masks), () => plugIn.run('Y'));
    const target = models.segmenter.open(stack);
    const asPrompt = (k: number): Prompt => ({ kind: 'mask', slice: k, mask: truthOn(k) });
    const keys = semantics === 'compat' ? [3] : [3, 5];
    expect(Buffer.from(full).equals(Buffer.from(await tracked(target, keys.map(asPrompt))))).toBe(true);

    const [x, y] = [(box[0] + box[2]) >> 1, (box[1] + box[3]) >> 1];
    const improved = await click(await points([[x, y, slice]], [[box[0], box[1], 6]]), () => plugIn.improve());
    const on = (k: number): Uint8Array => full.slice(k * area, (k + 1) * area);
    const yes = { x, y, label: 1 as const };
    const no = { x: box[0], y: box[1], label: 0 as const };
    const corrected = (k: number, point: typeof yes | typeof no): Prompt[] =>
      on(k).includes(1) ? [{ kind: 'points', slice: k, points: [point], previous: on(k) }] : [];
    const expected =
      semantics === 'compat'
        ? await tracked(target, [{ kind: 'box', slice, box, points: [yes, no] }], true)
        : await tracked(target, [asPrompt(3), asPrompt(5), ...corrected(slice, yes), ...corrected(6, no)]);
    expect(Buffer.from(improved).equals(Buffer.from(expected))).toBe(true);
    target.close();
  });
});
