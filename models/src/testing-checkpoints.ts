/** For tests: weights files and small architectures written without Python, and hostile variants of them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import onnxProto from 'onnx-proto';
import type { Architecture } from './architecture.js';
import { sha256 } from './files/hash.js';

const { onnx } = onnxProto;

export interface ZipEntry {
  readonly name: string;
  readonly content: Uint8Array;
  /** 0: stored; anything else is only declared */
  readonly method?: number;
  /** added to the offset the directory declares */
  readonly shift?: number;
}

/** A ZIP file of stored entries, each entry's data at a multiple of 64 bytes, as torch.save pads them. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, method = 0, shift = 0 } of entries) {
    const path = Buffer.from(name);
    const padding = (64 - ((offset + 30 + path.length + 4) % 64)) % 64;
    const extra = Buffer.alloc(4 + padding);
    extra.write('FB', 'latin1');
    extra.writeUInt16LE(padding, 2);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(0x800, 2); // names are UTF-8, as torch.save marks them
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.from(common);
    local.writeUInt16LE(extra.length, 24);
    directory.push(signature('PK\x01\x02'), Buffer.alloc(2), common, Buffer.alloc(10), uint32(offset + shift), path);
    parts.push(signature('PK\x03\x04'), local, path, extra, Buffer.from(content));
    offset += 4 + local.length + path.length + extra.length + content.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(size, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, ...directory, signature('PK\x05\x06'), end]);
}

function signature(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Pickle opcodes as bytes, to write pickles by hand. */
export const op = {
  proto: Buffer.from([0x80, 2]),
  stop: Buffer.from('.'),
  mark: Buffer.from('('),
  tuple: Buffer.from('t'),
  dict: Buffer.from('}'),
  setItems: Buffer.from('u'),
  reduce: Buffer.from('R'),
  persistentId: Buffer.from('Q'),
  no: Buffer.from([0x89]),
  global: (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`),
  text: (value: string) => Buffer.concat([Buffer.from('X'), uint32(Buffer.byteLength(value)), Buffer.from(value)]),
  int: (value: number) => Buffer.concat([Buffer.from('J'), uint32(value >>> 0)]),
};

export type Tensors = Readonly<Record<string, { readonly shape: readonly number[]; readonly values: Float32Array }>>;

/** Opcodes that leave one float tensor on the stack; `stride` and `elements` as declared, right or wrong. */
export function tensorOps(key: string, shape: readonly number[], stride: readonly number[], elements: number): Buffer {
  const numbers = (values: readonly number[]) => Buffer.concat([op.mark, ...values.map(op.int), op.tuple]);
  return Buffer.concat([
    op.global('torch._utils', '_rebuild_tensor_v2'),
    op.mark,
    ...[
      op.mark,
      op.text('storage'),
      op.global('torch', 'FloatStorage'),
      op.text(key),
      op.text('cpu'),
      op.int(elements),
    ],
    ...[op.tuple, op.persistentId, op.int(0), numbers(shape), numbers(stride), op.no],
    ...[op.global('collections', 'OrderedDict'), Buffer.from(')'), op.reduce, op.tuple, op.reduce],
  ]);
}

export function rowMajorStride(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
}

/** The pickle of `{"model": {key: tensor …}}`, storages numbered from 0. */
export function modelPickle(tensors: Tensors): Buffer {
  const items = Object.entries(tensors).flatMap(([key, { shape, values }], index) => [
    op.text(key),
    tensorOps(String(index), shape, rowMajorStride(shape), values.length),
  ]);
  const model = Buffer.concat([op.dict, op.mark, ...items, op.setItems]);
  return Buffer.concat([op.proto, op.dict, op.mark, op.text('model'), model, op.setItems, op.stop]);
}

/** A `.pt` file around any pickle. */
export function ptAround(pickle: Uint8Array, tensors: Tensors, more: readonly ZipEntry[] = []): Buffer {
  const storages = Object.values(tensors).map(({ values }, index) => ({
    name: `archive/data/${index}`,
    content: bytesOf(values),
  }));
  return zip([
    { name: 'archive/data.pkl', content: pickle },
    { name: 'archive/byteorder', content: Buffer.from('little') },
    ...storages,
    ...more,
    { name: 'archive/version', content: Buffer.from('3\n') },
  ]);
}

export function pt(tensors: Tensors): Buffer {
  return ptAround(modelPickle(tensors), tensors);
}

export function safetensors(tensors: Tensors): Buffer {
  let offset = 0;
  const header: Record<string, unknown> = {};
  for (const [key, { shape, values }] of Object.entries(tensors)) {
    header[key] = { dtype: 'F32', shape, data_offsets: [offset, (offset += values.byteLength)] };
  }
  return safetensorsAround(header, Buffer.concat(Object.values(tensors).map(({ values }) => bytesOf(values))));
}

/** A `.safetensors` file around any header. */
export function safetensorsAround(header: unknown, content: Uint8Array): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, content]);
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

export const tinyGraphs = ['image_encoder', 'memory_attention', 'mask_decoder', 'memory_encoder'] as const;

/** Weights of {@link writeTinyArchitecture}'s architecture, different for every seed. */
export function tinyTensors(seed = 1): Tensors {
  const tensors: Record<string, { shape: number[]; values: Float32Array }> = {
    host_tensor: { shape: [3], values: Float32Array.of(seed, seed + 0.5, -seed) },
  };
  for (const [index, name] of tinyGraphs.entries()) {
    const values = Float32Array.from({ length: 6 }, (_, at) => seed + index + at / 8);
    tensors[`${name}.weight`] = { shape: [2, 3], values };
  }
  return tensors;
}

/** A weight-free graph `y [n,3] = x [n,2] · weight [2,3]`. */
export function tinyGraph(key: string, marker = ''): Uint8Array {
  const float = onnx.TensorProto.DataType.FLOAT;
  const value = (name: string) => ({
    name,
    type: { tensorType: { elemType: float, shape: { dim: [{ dimParam: 'n' }, {}] } } },
  });
  return onnx.ModelProto.encode({
    irVersion: 8,
    docString: marker,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'tiny',
      node: [{ opType: 'MatMul', input: ['x', key], output: ['y'] }],
      input: [value('x')],
      output: [value('y')],
      initializer: [
        {
          name: key,
          dims: [2, 3],
          dataType: float,
          dataLocation: onnx.TensorProto.DataLocation.EXTERNAL,
          externalData: [{ key: 'location', value: 'checkpoint' }],
        },
      ],
    },
  }).finish();
}

/**
 * Writes `<folder>/tiny/` with four one-operator graphs and architecture.json.
 *
 * @param marker changes the graphs' bytes, as a new release of the program would
 */
export function writeTinyArchitecture(folder: string, marker = ''): Architecture {
  const directory = join(folder, 'tiny');
  mkdirSync(directory, { recursive: true });
  const tensors: Architecture['tensors'] = { host_tensor: { shape: [3], graphs: [] } };
  const graphs = { image_encoder: '', memory_attention: '', mask_decoder: '', memory_encoder: '' };
  for (const name of tinyGraphs) {
    const graph = tinyGraph(`${name}.weight`, marker);
    writeFileSync(join(directory, `${name}.onnx`), graph);
    graphs[name] = sha256(graph);
    tensors[`${name}.weight`] = { shape: [2, 3], graphs: [name] };
  }
  const architecture: Architecture = {
    formatVersion: 1,
    name: 'tiny',
    aliases: ['tiny_config'],
    opset: 17,
    imageSize: 32,
    stride: 16,
    hiddenDim: 4,
    memoryDim: 2,
    maskSize: 8,
    highResChannels: [1, 2],
    memorySlots: 7,
    maxObjectPointers: 16,
    memoryMaskScale: 20,
    memoryMaskBias: -10,
    pixelMean: [0.485, 0.456, 0.406],
    pixelStd: [0.229, 0.224, 0.225],
    absentLogit: -1024,
    graphs,
    tensors,
    hostTensors: ['host_tensor'],
  };
  writeFileSync(join(directory, 'architecture.json'), JSON.stringify(architecture));
  return architecture;
}
