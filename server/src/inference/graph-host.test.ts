import type { InferenceSession } from 'onnxruntime-node';
import * as onnxruntime from 'onnxruntime-node';
import { GraphHost, type OnnxRuntime } from './graph-host.js';
import type { LoadRequest } from './protocol.js';

type Feeds = Readonly<Record<string, { readonly data: Float32Array; readonly dims: readonly number[] }>>;

const model: LoadRequest = {
  graphPaths: {
    image_encoder: 'image_encoder',
    memory_attention: 'memory_attention',
    mask_decoder: 'mask_decoder',
    memory_encoder: 'memory_encoder',
  },
  device: 'cpu',
  deviceIndex: 0,
  threads: 1,
  sizes: {
    imageSize: 16,
    stride: 8,
    hiddenDim: 2,
    memoryDim: 2,
    maskSize: 4,
    highResChannels: [1, 3],
    memoryMaskScale: 20,
    memoryMaskBias: -10,
    pixelMean: [0.485, 0.456, 0.406],
    pixelStd: [0.229, 0.224, 0.225],
  },
  noMemoryEmbedding: Float32Array.from([100, 200]),
  ageRows: Float32Array.from({ length: 14 }, (_, i) => i),
};

/** The tensors of the real runtime, and graphs that only write down what they are given. */
async function make() {
  const fed = new Map<string, Feeds>();
  const outputs: Record<string, (feeds: Feeds) => Record<string, number[]>> = {
    image_encoder: ({ image }) => {
      const batch = image.dims[0];
      return { s0: [batch, 1, 4, 4], s1: [batch, 3, 2, 2], feat: [batch, 2, 2, 2] };
    },
    memory_attention: () => ({ cond: [1, 2, 2, 2] }),
    mask_decoder: () => ({ masks: [1, 4, 4, 4], iou: [1, 4], ptr: [1, 4, 2], obj: [1, 1] }),
    memory_encoder: () => ({ mem: [1, 2, 2, 2] }),
  };
  const session = (name: string) => ({
    run: (feeds: Feeds) => {
      fed.set(name, feeds);
      const shapes = Object.entries(outputs[name](feeds));
      const counted = (dims: number[]) =>
        Float32Array.from({ length: dims.reduce((product, size) => product * size, 1) }, (_, i) => i);
      return Promise.resolve(
        Object.fromEntries(shapes.map(([key, dims]) => [key, new onnxruntime.Tensor('float32', counted(dims), dims)])),
      );
    },
    release: () => Promise.resolve(),
  });
  const runtime: OnnxRuntime = {
    InferenceSession: { create: (path) => Promise.resolve(session(path) as unknown as InferenceSession) },
    listSupportedBackends: () => [{ name: 'cpu' }],
    Tensor: onnxruntime.Tensor,
  };
  const feed = (graph: string, input: string) => {
    const tensor = fed.get(graph)?.[input];
    if (tensor === undefined) throw new Error(`${graph} was not given ${input}`);
    return tensor;
  };
  return { host: await GraphHost.load(runtime, model), feed };
}

it('normalises intensities to the golden values, colour by colour', async () => {
  const { host, feed } = await make();
  const golden: [intensity: number, values: number[]][] = [
    [0, [-2.117904, -2.035714, -1.804444]],
    [1, [-2.100779, -2.018207, -1.787015]],
    [128, [0.0740645, 0.2051821, 0.4264924]],
    [255, [2.248908, 2.428571, 2.64]],
  ];
  const image = Uint8Array.from({ length: 256 }, (_, i) => i);
  await host.encode({ images: [image], channels: 1 });
  const { data, dims } = feed('image_encoder', 'image');
  expect(dims).toEqual([1, 3, 16, 16]);
  for (const [intensity, values] of golden) {
    values.forEach((value, colour) => expect(data[colour * 256 + intensity]).toBeCloseTo(value, 6));
  }
  const interleaved = Uint8Array.from({ length: 768 }, (_, i) => (i % 3 === 0 ? 255 : i % 3 === 1 ? 128 : 1));
  await host.encode({ images: [interleaved], channels: 3 });
  const colour = feed('image_encoder', 'image').data;
  [2.248908, 0.2051821, -1.787015].forEach((value, at) => expect(colour[at * 256 + 77]).toBeCloseTo(value, 6));
});

it('cuts a batch into slices with their own parts of every output', async () => {
  const { host, feed } = await make();
  const handles = await host.encode({ images: [new Uint8Array(256), new Uint8Array(256)], channels: 1 });
  expect(handles.map(({ bytes }) => bytes)).toEqual([4 * (16 + 12 + 8), 4 * (16 + 12 + 8)]);
  const prompt = { coords: Float32Array.from([3, 4]), labels: Float32Array.from([1]) };
  await host.decode({ features: handles[1].id, base: 'raw', ...prompt });
  expect(feed('mask_decoder', 's0').data[0]).toBe(16);
  expect(feed('mask_decoder', 's1').data[0]).toBe(12);
  expect(feed('mask_decoder', 'feat').data[0]).toBe(8);
});

it('gives the decoder one padding point, and a mask only where there is one', async () => {
  const { host, feed } = await make();
  const [{ id }] = await host.encode({ images: [new Uint8Array(256)], channels: 1 });
  const prompt = { coords: Float32Array.from([3, 4, 5, 6]), labels: Float32Array.from([2, 3]) };
  await host.decode({ features: id, base: 'initial', ...prompt });
  expect([...feed('mask_decoder', 'coords').data]).toEqual([3, 4, 5, 6, 0, 0]);
  expect([...feed('mask_decoder', 'labels').data]).toEqual([2, 3, -1]);
  expect([...feed('mask_decoder', 'has_mask').data]).toEqual([0]);
  // Features plus the embedding of "no memory", which is added to a copy.
  expect([...feed('mask_decoder', 'feat').data]).toEqual([100, 101, 102, 103, 204, 205, 206, 207]);
  await host.decode({ features: id, base: 'raw', ...prompt, maskInput: new Float32Array(16).fill(7) });
  expect([...feed('mask_decoder', 'has_mask').data]).toEqual([1]);
  expect([...feed('mask_decoder', 'feat').data]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

it('gives memories the rows of their ages', async () => {
  const { host, feed } = await make();
  const [{ id }] = await host.encode({ images: [new Uint8Array(256)], channels: 1 });
  const nothing = new Float32Array(0);
  await host.attend({
    features: id,
    memories: new Float32Array(16),
    ageRows: [6, 0],
    pointers: nothing,
    pointerPositions: nothing,
  });
  expect([...feed('memory_attention', 'mem_tpos').data]).toEqual([12, 13, 0, 1]);
  expect(feed('memory_attention', 'mem').dims).toEqual([1, 2, 2, 2, 2]);
  expect(feed('memory_attention', 'ptr').dims).toEqual([1, 0, 2]);
});

it('encodes memories of thresholded masks, or of soft ones', async () => {
  const { host, feed } = await make();
  const [{ id }] = await host.encode({ images: [new Uint8Array(256)], channels: 1 });
  const logits = new Float32Array(16).fill(0.5);
  await host.encodeMemory({ features: id, logits, mode: 'binary', presence: 3 });
  expect(new Set(feed('memory_encoder', 'mask').data)).toEqual(new Set([10]));
  await host.encodeMemory({ features: id, logits: logits.fill(0), mode: 'binary', presence: 3 });
  expect(new Set(feed('memory_encoder', 'mask').data)).toEqual(new Set([-10]));
  await host.encodeMemory({ features: id, logits: logits.fill(2), mode: 'soft', presence: -3 });
  for (const value of feed('memory_encoder', 'mask').data) expect(value).toBeCloseTo(20 / (1 + Math.exp(-2)) - 10, 5);
  expect([...feed('memory_encoder', 'obj').data]).toEqual([-3]);
});

it('knows no handle that was released, and holds none when it is closed', async () => {
  const { host } = await make();
  const [first, second] = await host.encode({ images: [new Uint8Array(256), new Uint8Array(256)], channels: 1 });
  host.release(first.id);
  host.release(first.id);
  expect(host.keptCount).toBe(1);
  const prompt = { base: 'raw' as const, coords: new Float32Array(2), labels: new Float32Array(1) };
  await expect(host.decode({ features: first.id, ...prompt })).rejects.toThrow('no features');
  await expect(host.decode({ features: second.id, ...prompt, base: second.id })).rejects.toThrow(
    'no conditioned features',
  );
  await host.close();
  expect(host.keptCount).toBe(0);
});
