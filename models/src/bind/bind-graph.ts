import { unsupportedDtype } from '../checkpoint/tensor.js';
import type { Checkpoint, Dtype } from '../checkpoint/types.js';
import { UserError } from '../errors.js';
import { messageOf } from '../files/errors.js';
import {
  concat,
  fields,
  messageField,
  textField,
  textOf,
  varintField,
  varintOf,
  varintsOf,
  type Field,
} from './wire.js';

/** Raised whenever bound graphs of the same inputs change; graphs bound by another version are bound again. */
export const bindingVersion = 2;

/** Field numbers of onnx.proto */
const model = { graph: 7 } as const;
const graph = { node: 1, initializer: 5 } as const;
const node = { input: 1, output: 2, name: 3, opType: 4, attribute: 5 } as const;
const attribute = { name: 1, i: 3, type: 20 } as const;
const tensor = { dims: 1, dataType: 2, name: 8, externalData: 13, dataLocation: 14 } as const;
const entry = { key: 1, value: 2 } as const;
/** AttributeProto.AttributeType.INT, TensorProto.DataLocation.EXTERNAL, TensorProto.DataType.FLOAT */
const [intAttribute, external, float] = [2, 1, 1];

/** ONNX element type of the stored weights that graphs take (TensorProto.DataType). */
const elementTypes: Readonly<Partial<Record<Dtype, number>>> = { f32: float, f16: 10, bf16: 16 };
/** `external_data` location that the export writes for a tensor of the checkpoint */
const placeholder = 'checkpoint';

/**
 * Points the initialisers of a weight-free graph at the tensors of a checkpoint (specification section 6.2): ONNX external
 * data with the weights file's name, so that the runtime maps the weights from that very file. All else is copied byte for
 * byte.
 *
 * Weights stored as float16 or bfloat16 become an initialiser `<key>::stored` of that type and a Cast named `<key>`, which
 * the runtime folds when it loads; so they too need no second file.
 *
 * @param source an ONNX ModelProto whose missing weights are initialisers with the external location `checkpoint`
 * @param checkpoint the weights; already compared with the architecture
 * @param weightsFile name of the weights file, which must lie in the folder the result is written to
 * @param expected checkpoint keys the graph must take, no more and no fewer (architecture.json)
 * @returns the bound ModelProto
 * @throws UserError `graph-invalid`, `graph-keys`, `checkpoint-mismatch`, `checkpoint-dtype`
 */
export function bindGraph(
  source: Uint8Array,
  checkpoint: Checkpoint,
  weightsFile: string,
  expected: readonly string[],
): Uint8Array {
  if (!/^[\w.-]+$/.test(weightsFile)) throw new Error(`the weights file ${weightsFile} is not a plain name`);
  try {
    const missing = new Set(expected);
    const bound = [...fields(source)].map((field) =>
      field.number === model.graph
        ? messageField(model.graph, bindMainGraph(field.payload, checkpoint, weightsFile, missing))
        : field.bytes,
    );
    if (missing.size > 0) throw keysDiffer(`it does not take ${[...missing].slice(0, 3).join(', ')}`);
    return concat(bound);
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw invalidGraph(messageOf(error), error);
    throw error;
  }
}

function bindMainGraph(
  bytes: Uint8Array,
  checkpoint: Checkpoint,
  weightsFile: string,
  missing: Set<string>,
): Uint8Array[] {
  const casts: Uint8Array[] = [];
  const rest = [...fields(bytes)].map((field) => {
    const placeholder = field.number === graph.initializer ? readPlaceholder(field.payload) : undefined;
    if (!placeholder) return field.bytes;
    const { key } = placeholder;
    if (!missing.delete(key))
      throw keysDiffer(`it takes ${key}, which architecture.json does not list for it (or twice)`);
    const { initializer, cast } = bindTensor(placeholder, checkpoint, weightsFile);
    casts.push(...cast);
    return messageField(graph.initializer, initializer);
  });
  return [...casts, ...rest]; // nodes run in order: what widens a weight comes before all that use it
}

interface Placeholder {
  readonly key: string;
  readonly dims: readonly number[];
  readonly location: string | undefined;
  readonly dataType: number;
  /** fields that binding never changes */
  readonly kept: readonly Uint8Array[];
}

/** An initialiser whose data lies elsewhere, or undefined for one that carries its own. */
function readPlaceholder(bytes: Uint8Array): Placeholder | undefined {
  const all = [...fields(bytes)];
  const find = (number: number) => all.filter((field) => field.number === number);
  if (!find(tensor.dataLocation).some((field) => varintOf(field) === external)) return undefined;
  const changed: number[] = [tensor.name, tensor.dataType, tensor.externalData];
  return {
    key: find(tensor.name).map(textOf).join(''),
    dims: find(tensor.dims).flatMap(varintsOf),
    location: find(tensor.externalData)
      .map(readEntry)
      .find(({ key }) => key === 'location')?.value,
    dataType: find(tensor.dataType).map(varintOf)[0],
    kept: all.filter(({ number }) => !changed.includes(number)).map((field) => field.bytes),
  };
}

function readEntry({ payload }: Field): { key: string; value: string } {
  const texts = [...fields(payload)];
  const text = (number: number) =>
    texts
      .filter((field) => field.number === number)
      .map(textOf)
      .join('');
  return { key: text(entry.key), value: text(entry.value) };
}

/** The fields of the bound initialiser, and the Cast node that widens it, if it needs one. */
function bindTensor(
  { key, dims, location, dataType, kept }: Placeholder,
  checkpoint: Checkpoint,
  weightsFile: string,
): { initializer: Uint8Array[]; cast: Uint8Array[] } {
  if (location !== placeholder || dataType !== float)
    throw invalidGraph(`its tensor ${key} is not a float placeholder`);
  const stored = checkpoint.tensors.get(key);
  if (!stored || stored.shape.length !== dims.length || stored.shape.some((size, axis) => size !== dims[axis]))
    throw new UserError(
      'checkpoint-mismatch',
      `${checkpoint.file} has no tensor ${key} of the shape [${dims.join(', ')}].`,
      'Use weights of the architecture the graph belongs to.',
    );
  const type = elementTypes[stored.dtype];
  if (type === undefined) throw unsupportedDtype(checkpoint.file, key, stored.dtype);
  const name = type === float ? key : `${key}::stored`;
  const initializer = [
    ...kept,
    varintField(tensor.dataType, type),
    textField(tensor.name, name),
    externalEntry('location', weightsFile),
    externalEntry('offset', String(stored.offset)),
    externalEntry('length', String(stored.byteLength)),
  ];
  return { initializer, cast: type === float ? [] : [castNode(name, key)] };
}

function externalEntry(key: string, value: string): Uint8Array {
  return messageField(tensor.externalData, [textField(entry.key, key), textField(entry.value, value)]);
}

/** `Cast(to=FLOAT)` from one tensor name to another. */
function castNode(input: string, output: string): Uint8Array {
  return messageField(graph.node, [
    textField(node.input, input),
    textField(node.output, output),
    textField(node.name, `${output}::widen`),
    textField(node.opType, 'Cast'),
    messageField(node.attribute, [
      textField(attribute.name, 'to'),
      varintField(attribute.i, float),
      varintField(attribute.type, intAttribute),
    ]),
  ]);
}

function invalidGraph(what: string, cause?: unknown): UserError {
  return new UserError('graph-invalid', `The graph cannot be bound: ${what}.`, 'Install the program again.', { cause });
}

function keysDiffer(what: string): UserError {
  return new UserError(
    'graph-keys',
    `The graph and architecture.json disagree: ${what}.`,
    'Write both again with export_graphs.py, or install the program again.',
  );
}
