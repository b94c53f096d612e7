import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  modelPickle,
  op,
  pt,
  ptAround,
  rowMajorStride,
  safetensors,
  safetensorsAround,
  tensorOps,
  tinyTensors,
  zip,
  type Tensors,
} from '../testing-checkpoints.js';
import { userError } from '../testing-errors.js';
import { openCheckpoint } from './open.js';
import { readTensor } from './tensor.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'medsam2-checkpoint-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: Uint8Array, name = 'weights'): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const tensors = tinyTensors();
const one: Tensors = { w: { shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) } };
const dict = (items: Buffer[]) => Buffer.concat([op.proto, op.dict, op.mark, ...items, op.setItems, op.stop]);

describe.each([
  ['pt', pt(tensors)],
  ['safetensors', safetensors(tensors)],
] as const)('openCheckpoint on %s', (format, content) => {
  it('finds every tensor in place, whatever the file is called', async () => {
    const checkpoint = await openCheckpoint(file(content, 'misleading.txt'));
    expect(checkpoint.format).toBe(format);
    expect([...checkpoint.tensors.keys()]).toEqual(Object.keys(tensors));
    for (const [key, { shape, values }] of Object.entries(tensors)) {
      expect(checkpoint.tensors.get(key)).toMatchObject({ dtype: 'f32', shape, byteLength: values.byteLength });
      expect(await readTensor(checkpoint, key)).toEqual(values);
    }
  });

  it('answers every truncation with a sentence and a remedy', async () => {
    for (let length = 0; length < content.length; length += 7) {
      const error = await userError(() => openCheckpoint(file(content.subarray(0, length))));
      expect(error.code).toMatch(/^checkpoint-(empty|truncated|invalid)$/);
    }
  });

  it('notices that the file was cut after it was opened', async () => {
    const path = file(content);
    const checkpoint = await openCheckpoint(path);
    writeFileSync(path, content.subarray(0, 100));
    expect((await userError(() => readTensor(checkpoint, 'memory_encoder.weight'))).code).toBe('checkpoint-truncated');
  });

  it('does not know a key that is not there', async () => {
    const checkpoint = await openCheckpoint(file(content));
    expect((await userError(() => readTensor(checkpoint, 'nothing'))).message).toMatch(/nothing/);
  });
});

describe('openCheckpoint on what is no checkpoint', () => {
  const others: [string, Uint8Array, string][] = [
    ['an empty file', Buffer.alloc(0), 'checkpoint-empty'],
    ['a few bytes', Buffer.from('PK'), 'checkpoint-truncated'],
    ['a legacy PyTorch file', Buffer.from('80028a0a6cfc9c46f9206aa850192e80024d', 'hex'), 'checkpoint-legacy'],
    ['a bare pickle', Buffer.from('80047d942e00000000000000', 'hex'), 'checkpoint-bare-pickle'],
    [
      'a Git LFS pointer',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:1'),
      'checkpoint-lfs-pointer',
    ],
    ['a web page', Buffer.from('<!DOCTYPE html><html>'), 'checkpoint-web-page'],
    ['a gzip file', Buffer.from('1f8b0800000000000000000000', 'hex'), 'checkpoint-compressed'],
    ['zeros', Buffer.alloc(1000), 'checkpoint-unknown'],
    ['a ZIP of something else', zip([{ name: 'readme.txt', content: Buffer.from('hello') }]), 'checkpoint-not-pytorch'],
  ];
  it.each(others)('says what %s is', async (_, content, code) => {
    expect((await userError(() => openCheckpoint(file(content)))).code).toBe(code);
  });

  it('says that a file is missing, or a folder', async () => {
    expect((await userError(() => openCheckpoint(join(folder, 'missing')))).code).toBe('file-not-found');
    expect((await userError(() => openCheckpoint(folder))).code).toBe('not-a-file');
  });
});

describe('openCheckpoint on hostile .pt files', () => {
  const tensor = (shape: number[], stride: number[], elements: number) =>
    dict([op.text('w'), tensorOps('0', shape, stride, elements)]);
  const entry = (name: string, content: string) => ({ name, content: Buffer.from(content) });
  const hostile: [string, Buffer, string][] = [
    [
      'code in the pickle',
      ptAround(Buffer.concat([op.global('os', 'system'), op.mark, op.text('id'), op.tuple, op.reduce, op.stop]), one),
      'checkpoint-forbidden-global',
    ],
    [
      'code in another entry of the dict',
      ptAround(dict([op.text('model'), op.dict, op.text('optimizer'), op.global('posix', 'system')]), one),
      'checkpoint-forbidden-global',
    ],
    ['a column-major tensor', ptAround(tensor([2, 3], [1, 2], 6), one), 'checkpoint-strides'],
    ['a broadcast tensor', ptAround(tensor([2, 3], [0, 1], 6), one), 'checkpoint-strides'],
    ['a tensor beyond its storage', ptAround(tensor([3, 3], [3, 1], 6), one), 'checkpoint-invalid'],
    ['a storage beyond its entry', ptAround(tensor([3, 3], [3, 1], 9), one), 'checkpoint-invalid'],
    ['a storage beyond the file', ptAround(tensor([2 ** 30, 3], [3, 1], 2 ** 31 - 1), one), 'checkpoint-invalid'],
    [
      'a storage that is absent',
      ptAround(dict([op.text('w'), tensorOps('9', [2, 3], [3, 1], 6)]), one),
      'checkpoint-invalid',
    ],
    [
      'a storage outside the archive',
      ptAround(dict([op.text('w'), tensorOps('../../etc/passwd', [2], [1], 2)]), one),
      'checkpoint-invalid',
    ],
    [
      'a number among the tensors',
      ptAround(dict([op.text('model'), op.dict, op.mark, op.text('w'), op.int(1), op.setItems]), one),
      'checkpoint-no-state-dict',
    ],
    ['no tensors', ptAround(dict([]), one), 'checkpoint-no-state-dict'],
    ['a list', ptAround(Buffer.from('].'), one), 'checkpoint-no-state-dict'],
    [
      'big-endian numbers',
      zip([{ name: 'a/data.pkl', content: modelPickle(one) }, entry('a/byteorder', 'big')]),
      'checkpoint-byte-order',
    ],
    [
      'two pickles',
      zip([
        { name: 'a/data.pkl', content: modelPickle(one) },
        { name: 'b/data.pkl', content: modelPickle(one) },
      ]),
      'checkpoint-invalid',
    ],
    ['one name twice', ptAround(modelPickle(one), one, [entry('archive/data/0', 'x')]), 'checkpoint-invalid'],
    ['a path that climbs', ptAround(modelPickle(one), one, [entry('../evil', 'x')]), 'checkpoint-truncated'],
    [
      'a name that would rewrite the terminal',
      ptAround(dict([op.text('w\u001b[2J'), tensorOps('0', [2, 3], [3, 1], 6)]), one),
      'checkpoint-invalid',
    ],
    [
      'an entry name that would rewrite the terminal',
      ptAround(modelPickle(one), one, [entry('archive/\u001b[2J', 'x')]),
      'checkpoint-invalid',
    ],
    ['TorchScript', ptAround(modelPickle(one), one, [entry('archive/constants.pkl', 'x')]), 'checkpoint-torchscript'],
    [
      'a compressed pickle',
      zip([{ name: 'a/data.pkl', content: modelPickle(one), method: 8 }]),
      'checkpoint-compressed',
    ],
    ['a wrong offset', zip([{ name: 'a/data.pkl', content: modelPickle(one), shift: 5 }]), 'checkpoint-truncated'],
    [
      'an offset beyond the file',
      zip([{ name: 'a/data.pkl', content: modelPickle(one), shift: 1e6 }]),
      'checkpoint-truncated',
    ],
  ];
  it.each(hostile)('refuses %s', async (_, content, code) => {
    expect((await userError(() => openCheckpoint(file(content)))).code).toBe(code);
  });

  it('refuses an entry whose offset points at another entry', async () => {
    const [first, second] = [Buffer.alloc(64, 1), Buffer.alloc(64, 2)];
    const plain = zip([
      { name: 'a/data/0', content: first },
      { name: 'a/data/1', content: second },
    ]);
    const distance = plain.indexOf('PK\x03\x04', 10, 'latin1');
    const content = zip([
      { name: 'a/data/0', content: first, shift: distance },
      { name: 'a/data/1', content: second },
      { name: 'a/data.pkl', content: dict([op.text('w'), tensorOps('0', [16], [1], 16)]) },
    ]);
    expect((await userError(() => openCheckpoint(file(content)))).code).toBe('checkpoint-truncated');
  });

  it('takes a flat state dict, and strides without meaning', async () => {
    const content = ptAround(dict([op.text('w'), tensorOps('0', [1, 6], [99, 1], 6)]), one);
    expect(await readTensor(await openCheckpoint(file(content)), 'w')).toEqual(one.w.values);
    expect(rowMajorStride([2, 3])).toEqual([3, 1]);
  });
});

describe('openCheckpoint on hostile .safetensors files', () => {
  const values = Buffer.alloc(24);
  const w = (change: object) => ({ w: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24], ...change } });
  const hostile: [string, Buffer, string][] = [
    [
      'a header of 2^63 bytes',
      Buffer.concat([Buffer.from('ffffffffffffff7f', 'hex'), Buffer.from('{}')]),
      'checkpoint-invalid',
    ],
    [
      'a header of 1 GB',
      Buffer.concat([Buffer.from('0000004000000000', 'hex'), Buffer.from('{}')]),
      'checkpoint-invalid',
    ],
    [
      'a header longer than the file',
      Buffer.concat([Buffer.from('e803000000000000', 'hex'), Buffer.from('{}')]),
      'checkpoint-truncated',
    ],
    [
      'a header that is not JSON',
      Buffer.concat([Buffer.from('0400000000000000', 'hex'), Buffer.from('{bad')]),
      'checkpoint-invalid',
    ],
    ['no tensors', safetensorsAround({}, Buffer.alloc(0)), 'checkpoint-invalid'],
    [
      'overlapping tensors',
      safetensorsAround({ ...w({}), v: { dtype: 'F32', shape: [6], data_offsets: [8, 32] } }, Buffer.alloc(32)),
      'checkpoint-invalid',
    ],
    [
      'the same bytes twice',
      safetensorsAround({ ...w({}), v: { dtype: 'F32', shape: [6], data_offsets: [0, 24] } }, values),
      'checkpoint-invalid',
    ],
    [
      'a gap',
      safetensorsAround({ ...w({}), v: { dtype: 'F32', shape: [1], data_offsets: [28, 32] } }, Buffer.alloc(32)),
      'checkpoint-invalid',
    ],
    ['bytes after the last tensor', safetensorsAround(w({}), Buffer.alloc(25)), 'checkpoint-invalid'],
    ['a tensor beyond the end', safetensorsAround(w({}), Buffer.alloc(23)), 'checkpoint-truncated'],
    ['a shape that does not fit its bytes', safetensorsAround(w({ shape: [2, 4] }), values), 'checkpoint-invalid'],
    [
      'a shape whose product overflows',
      safetensorsAround(w({ shape: [2 ** 40, 2 ** 40] }), values),
      'checkpoint-invalid',
    ],
    ['negative sizes', safetensorsAround(w({ shape: [-2, -3] }), values), 'checkpoint-invalid'],
    ['offsets the wrong way round', safetensorsAround(w({ data_offsets: [24, 0] }), values), 'checkpoint-invalid'],
    ['an unknown field', safetensorsAround(w({ extra: 1 }), values), 'checkpoint-invalid'],
    [
      'a name that would rewrite the terminal',
      safetensorsAround({ 'w\u001b[2J': { dtype: 'F32', shape: [6], data_offsets: [0, 24] } }, values),
      'checkpoint-invalid',
    ],
    ['8-bit floats', safetensorsAround(w({ dtype: 'F8_E4M3' }), values), 'checkpoint-dtype'],
    ['a type named like an object member', safetensorsAround(w({ dtype: 'constructor' }), values), 'checkpoint-dtype'],
    ['metadata that is no text', safetensorsAround({ ...w({}), __metadata__: { a: 1 } }, values), 'checkpoint-invalid'],
  ];
  it.each(hostile)('refuses %s', async (_, content, code) => {
    expect((await userError(() => openCheckpoint(file(content)))).code).toBe(code);
  });

  it('keeps the metadata', async () => {
    const content = safetensorsAround({ __metadata__: { format: 'pt' }, ...w({}) }, values);
    expect((await openCheckpoint(file(content))).metadata).toEqual({ format: 'pt' });
  });
});
