/**
 * What the shipped graphs carry besides the checkpoint: position tables and the interpolation of the position embedding,
 * against the specification's golden values (section 10).
 */
import onnxProto from 'onnx-proto';
import * as onnxruntime from 'onnxruntime-node';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/root.js';

const { onnx } = onnxProto;
const graphs = join(repositoryRoot(), 'models', 'graphs', 'medsam2');
const side = 32;

function nodesOf(name: string) {
  const { graph } = onnx.ModelProto.decode(readFileSync(join(graphs, `${name}.onnx`)));
  return graph?.node ?? [];
}

/** Float tables written into a graph as constants, in the order of the nodes. */
function tables(name: string): { dims: number[]; values: Float32Array }[] {
  return nodesOf(name).flatMap(({ opType, attribute }) => {
    const tensor = opType === 'Constant' ? attribute?.[0].t : undefined;
    if (tensor?.dataType !== onnx.TensorProto.DataType.FLOAT || !tensor.rawData) return [];
    const bytes = Uint8Array.from(tensor.rawData);
    return [{ dims: (tensor.dims ?? []).map(Number), values: new Float32Array(bytes.buffer) }];
  });
}

describe('memory attention', () => {
  const all = tables('memory_attention');
  const table = (...dims: readonly number[]) => all.filter((candidate) => candidate.dims.join() === dims.join());
  const tokens = side * side;

  it('adds a tenth of the sine positions to the features', () => {
    const [{ values }] = table(1, tokens, 256);
    const at = (y: number, x: number, channel: number) => 10 * values[(y * side + x) * 256 + channel];
    const corner = [0.1950903, 0.9807853, 0.1692136, 0.9855794];
    corner.forEach((value, channel) => {
      expect(at(0, 0, channel)).toBeCloseTo(value, 6);
      expect(at(0, 0, 128 + channel)).toBeCloseTo(value, 6);
    });
    [0.3826835, 0.9238795].forEach((value, channel) => expect(at(1, 2, channel)).toBeCloseTo(value, 6));
    [0.5555702, 0.8314696].forEach((value, channel) => expect(at(1, 2, 128 + channel)).toBeCloseTo(value, 6));
  });

  it('has the positions of memories', () => {
    const [{ values }] = table(1, 1, tokens, 64);
    const at = (y: number, x: number, channel: number) => values[(y * side + x) * 64 + channel];
    const rows = [0.7071068, 0.7071068, 0.4274425, 0.9040425];
    const columns = [0.9238796, 0.3826834, 0.6150842, 0.7884614];
    rows.forEach((value, channel) => expect(at(3, 5, channel)).toBeCloseTo(value, 6));
    columns.forEach((value, channel) => expect(at(3, 5, 32 + channel)).toBeCloseTo(value, 6));
  });

  it('turns channel pairs by the angles of the rotary embedding', () => {
    const [cos, sin] = table(tokens, 128);
    expect(table(tokens, 128)).toHaveLength(2);
    const golden: [token: number, pair: number, cos: number, sin: number][] = [
      [0, 0, 1, 0],
      [33, 0, 0.5403023, 0.841471],
      [33, 1, 0.6479058, 0.7617204],
      [33, 64, 0.5403023, 0.841471],
      [1023, 0, 0.9147424, -0.4040377],
      [1023, 63, 0.9999936, 0.003579816],
      [1023, 127, 0.9999936, 0.003579816],
    ];
    for (const [token, pair, c, s] of golden) {
      expect(cos.values[token * 128 + pair]).toBeCloseTo(c, 6);
      expect(sin.values[token * 128 + pair]).toBeCloseTo(s, 6);
    }
  });
});

test('the image encoder interpolates the position embedding with the reference weights', async () => {
  const resize = nodesOf('image_encoder').find(
    ({ opType, input }) => opType === 'Resize' && input?.[0] === 'image_encoder.trunk.pos_embed',
  );
  if (resize === undefined) throw new Error('no node takes the position embedding');
  // The node on its own, so that one-hot embeddings show its weights: channel j is column j of a 7 x 7 grid.
  const model = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph: {
      name: 'resize',
      node: [{ ...resize, input: ['x', '', '', 'size'], output: ['y'] }],
      input: [floatInput('x', [1, 7, 7, 7])],
      initializer: [
        {
          name: 'size',
          dims: [4],
          dataType: onnx.TensorProto.DataType.INT64,
          rawData: new Uint8Array(BigInt64Array.from([1n, 7n, 128n, 128n]).buffer),
        },
      ],
      output: [floatInput('y', [1, 7, 128, 128])],
    },
  });
  const session = await onnxruntime.InferenceSession.create(onnx.ModelProto.encode(model).finish());
  const oneHot = Float32Array.from({ length: 343 }, (_, index) => (index % 7 === Math.floor(index / 49) ? 1 : 0));
  const { y } = await session.run({ x: new onnxruntime.Tensor('float32', oneHot, [1, 7, 7, 7]) });
  await session.release();
  const weights = (output: number) =>
    Array.from({ length: 7 }, (_, column) => (y.data as Float32Array)[column * 128 * 128 + output]);
  const golden: [output: number, weights: number[]][] = [
    [0, [1.098581, -0.09858131, 0, 0, 0, 0, 0]],
    [1, [1.106194, -0.1061935, 0, 0, 0, 0, 0]],
    [64, [0, 0, -0.01940155, 0.9983433, 0.02160376, -0.0005455018, 0]],
    [127, [0, 0, 0, 0, 0, -0.09858131, 1.098581]],
  ];
  for (const [output, expected] of golden) {
    weights(output).forEach((weight, column) => expect(weight).toBeCloseTo(expected[column], 5));
  }
});

function floatInput(name: string, dims: readonly number[]) {
  const shape = { dim: dims.map((dimValue) => ({ dimValue })) };
  return { name, type: { tensorType: { elemType: onnx.TensorProto.DataType.FLOAT, shape } } };
}
