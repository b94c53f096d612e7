import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import type { Checkpoint, Dtype } from '../checkpoint/types.js';
import { tinyGraph, writeTinyArchitecture } from '../testing-checkpoints.js';
import { userError } from '../testing-errors.js';
import { findArchitecture, listArchitectures, readGraph, shippedGraphs } from './architectures.js';
import { bindGraph } from './bind-graph.js';
import { fields, messageField, textField } from './wire.js';

const { onnx } = onnxProto;
type Model = onnxProto.onnx.IModelProto;

function checkpoint(dtype: Dtype = 'f32', shape = [2, 3]): Checkpoint {
  const tensors = new Map([['w', { dtype, shape, offset: 704, byteLength: 24 }]]);
  return { file: 'weights.pt', format: 'pt', bytes: 1000, tensors, metadata: {} };
}

/** The tiny graph with one thing changed. */
function changed(change: (model: Model) => void): Uint8Array {
  const model = onnx.ModelProto.decode(tinyGraph('w'));
  change(model);
  return onnx.ModelProto.encode(model).finish();
}

describe('bindGraph', () => {
  it('points an initialiser at its place in the weights file', () => {
    const { graph } = onnx.ModelProto.decode(bindGraph(tinyGraph('w'), checkpoint(), 'weights.pt', ['w']));
    const [tensor] = graph?.initializer ?? [];
    const external = new Map((tensor.externalData ?? []).map(({ key, value }) => [key, value]));
    expect(external).toEqual(
      new Map([
        ['location', 'weights.pt'],
        ['offset', '704'],
        ['length', '24'],
      ]),
    );
    expect(tensor).toMatchObject({ name: 'w', dataType: onnx.TensorProto.DataType.FLOAT });
    expect(graph?.node).toHaveLength(1);
  });

  it.each([
    ['f16', onnx.TensorProto.DataType.FLOAT16],
    ['bf16', onnx.TensorProto.DataType.BFLOAT16],
  ] as const)('widens %s weights by a Cast in front', (dtype, type) => {
    const { graph } = onnx.ModelProto.decode(bindGraph(tinyGraph('w'), checkpoint(dtype), 'weights.pt', ['w']));
    expect(graph?.initializer?.[0]).toMatchObject({ name: 'w::stored', dataType: type });
    expect(graph?.node?.[0]).toMatchObject({ opType: 'Cast', input: ['w::stored'], output: ['w'] });
  });

  it('copies everything else byte for byte, 64-bit integers included', () => {
    // An attribute `i` (field 3) of 2^63 - 1, as ONNX writes "to the end", appended to the graph as one more node.
    const most = Buffer.concat([Buffer.from([0x18]), Buffer.alloc(8, 0xff), Buffer.from([0x7f])]);
    const node = messageField(1, [textField(4, 'Slice'), messageField(5, [textField(1, 'ends'), most])]);
    const [source] = [...fields(tinyGraph('w'))].filter(({ number }) => number === 7);
    const graph = messageField(7, [source.payload, node]);
    const bound = bindGraph(graph, checkpoint('f16'), 'weights.pt', ['w']);
    expect(Buffer.from(bound).includes(most)).toBe(true);
    const others = (bytes: Uint8Array) =>
      [...fields([...fields(bytes)][0].payload)]
        .filter(({ number, payload }) => number !== 5 && !Buffer.from(payload).includes('::widen'))
        .map((field) => Buffer.from(field.bytes).toString('hex'));
    expect(others(bound)).toEqual(others(graph));
  });

  const refused: [string, () => Uint8Array, string][] = [
    [
      'a key the checkpoint lacks',
      () => bindGraph(tinyGraph('v'), checkpoint(), 'weights.pt', ['v']),
      'checkpoint-mismatch',
    ],
    [
      'another shape',
      () => bindGraph(tinyGraph('w'), checkpoint('f32', [3, 2]), 'weights.pt', ['w']),
      'checkpoint-mismatch',
    ],
    ['integers', () => bindGraph(tinyGraph('w'), checkpoint('i32'), 'weights.pt', ['w']), 'checkpoint-dtype'],
    ['a key the graph should not take', () => bindGraph(tinyGraph('w'), checkpoint(), 'weights.pt', []), 'graph-keys'],
    [
      'a key the graph should take',
      () => bindGraph(tinyGraph('w'), checkpoint(), 'weights.pt', ['w', 'v']),
      'graph-keys',
    ],
    ['bytes that are no graph', () => bindGraph(Buffer.from('hello'), checkpoint(), 'weights.pt', []), 'graph-invalid'],
    [
      'data elsewhere',
      () =>
        bindGraph(
          changed((m) => (m.graph!.initializer![0].externalData![0].value = '/etc/passwd')),
          checkpoint(),
          'weights.pt',
          ['w'],
        ),
      'graph-invalid',
    ],
    [
      'a graph cut short',
      () => bindGraph(tinyGraph('w').subarray(0, -5), checkpoint(), 'weights.pt', ['w']),
      'graph-invalid',
    ],
    ['no graph at all', () => bindGraph(new Uint8Array(0), checkpoint(), 'weights.pt', ['w']), 'graph-keys'],
  ];
  it.each(refused)('refuses %s', async (_, bind, code) => {
    expect((await userError(bind)).code).toBe(code);
  });
});

describe('architectures', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'medsam2-graphs-'));
    writeTinyArchitecture(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['tiny', 'tiny_config', 'configs/tiny_config.yaml'])('finds %s', async (name) => {
    expect((await findArchitecture([folder], name)).architecture.name).toBe('tiny');
  });

  it('lists further folders beside the shipped one', async () => {
    const names = (await listArchitectures([shippedGraphs(), folder, join(folder, 'missing')])).map(
      (a) => a.architecture.name,
    );
    expect(names).toContain('tiny');
    expect(names).toContain('medsam2');
  });

  it('names the known ones for an unknown name', async () => {
    const error = await userError(() => findArchitecture([folder], 'huge'));
    expect(error.code).toBe('architecture-unknown');
    expect(error.remedy).toContain('tiny = tiny_config');
  });

  it('refuses a graph that was edited', async () => {
    const own = mkdtempSync(join(folder, 'edited-'));
    writeTinyArchitecture(own);
    writeFileSync(join(own, 'tiny', 'mask_decoder.onnx'), tinyGraph('mask_decoder.weight', 'edited'));
    const tiny = await findArchitecture([own], 'tiny');
    expect((await userError(() => readGraph(tiny, 'mask_decoder'))).code).toBe('graph-damaged');
    expect(await readGraph(tiny, 'image_encoder')).toBeInstanceOf(Uint8Array);
  });

  it('refuses an architecture.json that is half written', async () => {
    const own = mkdtempSync(join(folder, 'broken-'));
    writeTinyArchitecture(own);
    writeFileSync(join(own, 'tiny', 'architecture.json'), '{"formatVersion":1');
    expect((await userError(() => listArchitectures([own]))).code).toBe('architecture-invalid');
  });

  it('binds every graph that is shipped, with exactly the tensors architecture.json lists', async () => {
    const medsam2 = await findArchitecture([shippedGraphs()], 'medsam2');
    const entries = Object.entries(medsam2.architecture.tensors).map(
      ([key, { shape }]) => [key, { dtype: 'f32', shape, offset: 0, byteLength: 0 }] as const,
    );
    const weights: Checkpoint = { file: 'w', format: 'pt', bytes: 0, tensors: new Map(entries), metadata: {} };
    let taken = 0;
    for (const name of ['image_encoder', 'memory_attention', 'mask_decoder', 'memory_encoder'] as const) {
      const keys = entries.map(([key]) => key).filter((key) => medsam2.architecture.tensors[key].graphs.includes(name));
      taken += keys.length;
      const bound = bindGraph(await readGraph(medsam2, name), weights, 'weights.pt', keys);
      expect(onnx.ModelProto.decode(bound).graph?.initializer?.length).toBeGreaterThanOrEqual(keys.length);
    }
    const host = entries.filter(([key]) => medsam2.architecture.tensors[key].graphs.length === 0).map(([key]) => key);
    expect(host.every((key) => medsam2.architecture.hostTensors.includes(key))).toBe(true);
    expect(taken + host.length).toBe(471);
  });
});
