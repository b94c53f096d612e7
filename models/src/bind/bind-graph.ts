import onnxProto from 'onnx-proto';
import { UserError } from '../errors.js';
import { messageOf } from '../files/errors.js';
import { unsupportedDtype } from '../checkpoint/tensor.js';
import type { Checkpoint, Dtype, TensorEntry } from '../checkpoint/types.js';

const { onnx } = onnxProto;
type Graph = onnxProto.onnx.IGraphProto;
type Tensor = onnxProto.onnx.ITensorProto;
type Node = onnxProto.onnx.INodeProto;

/** Raised whenever bound graphs of the same inputs change; graphs bound by another version are bound again. */
export const bindingVersion = 1;

/** ONNX element type of the stored weights that graphs take (onnx.proto, TensorProto.DataType). */
const elementTypes: Readonly<Partial<Record<Dtype, number>>> = { f32: 1, f16: 10, bf16: 16 };
const floatType = 1;
/** `external_data` location that the export writes for a tensor of the checkpoint */
const placeholder = 'checkpoint';

/**
 * Points the initialisers of a weight-free graph at the tensors of a checkpoint (specification section 6.2): ONNX external
 * data with the weights file's name, so that the runtime maps the weights from that very file.
 *
 * Weights stored as float16 or bfloat16 become an initialiser `<key>::stored` of that type and a Cast named `<key>`, which
 * the runtime folds when it loads; so they too need no second file.
 *
 * @param graph an ONNX ModelProto whose missing weights have the external location `checkpoint`
 * @param checkpoint the weights; already compared with the architecture
 * @param weightsFile name of the weights file, which must lie in the folder the result is written to
 * @param expected checkpoint keys the graph must take, no more and no fewer (architecture.json)
 * @returns the bound ModelProto
 * @throws UserError `graph-invalid`, `graph-keys`, `checkpoint-mismatch`, `checkpoint-dtype`
 */
export function bindGraph(
  graph: Uint8Array,
  checkpoint: Checkpoint,
  weightsFile: string,
  expected: readonly string[],
): Uint8Array {
  if (!/^[\w.-]+$/.test(weightsFile)) throw new Error(`the weights file ${weightsFile} is not a plain name`);
  const model = decode(graph);
  const main = model.graph;
  if (!main) throw invalidGraph('it has no graph');
  const missing = new Set(expected);
  const casts: Node[] = [];
  for (const tensor of allInitialisers(main)) {
    if (tensor.dataLocation !== onnx.TensorProto.DataLocation.EXTERNAL) continue;
    const key = tensor.name ?? '';
    if (!missing.delete(key))
      throw keysDiffer(`it takes ${key}, which architecture.json does not list for it (or twice)`);
    casts.push(...bindTensor(tensor, key, checkpoint, weightsFile));
  }
  if (missing.size > 0) throw keysDiffer(`it does not take ${[...missing].slice(0, 3).join(', ')}`);
  main.node = [...casts, ...(main.node ?? [])];
  return onnx.ModelProto.encode(model).finish();
}

/** Changes one initialiser in place; returns the Cast that widens it, if it needs one. */
function bindTensor(tensor: Tensor, key: string, checkpoint: Checkpoint, weightsFile: string): Node[] {
  const stored = checkpoint.tensors.get(key);
  if (!stored || !sameShape(stored, tensor))
    throw new UserError(
      'checkpoint-mismatch',
      `${checkpoint.file} has no tensor ${key} of the shape [${(tensor.dims ?? []).join(', ')}].`,
      'Use weights of the architecture the graph belongs to.',
    );
  const location = tensor.externalData?.find((entry) => entry.key === 'location')?.value;
  if (location !== placeholder || tensor.dataType !== floatType)
    throw invalidGraph(`its tensor ${key} is not a float placeholder`);
  const type = elementTypes[stored.dtype];
  if (type === undefined) throw unsupportedDtype(checkpoint.file, key, stored.dtype);
  tensor.externalData = [
    { key: 'location', value: weightsFile },
    { key: 'offset', value: String(stored.offset) },
    { key: 'length', value: String(stored.byteLength) },
  ];
  if (type === floatType) return [];
  tensor.dataType = type;
  tensor.name = `${key}::stored`;
  const to = { name: 'to', type: onnx.AttributeProto.AttributeType.INT, i: floatType };
  return [{ opType: 'Cast', name: `${key}::widen`, input: [tensor.name], output: [key], attribute: [to] }];
}

/** Initialisers of a graph and of the graphs within its nodes (If, Loop). */
function* allInitialisers(graph: Graph): Generator<Tensor> {
  if (graph.sparseInitializer?.length) throw invalidGraph('it has sparse initialisers');
  yield* graph.initializer ?? [];
  for (const node of graph.node ?? [])
    for (const attribute of node.attribute ?? []) {
      if (attribute.t?.dataLocation === onnx.TensorProto.DataLocation.EXTERNAL)
        throw invalidGraph(`its node ${node.name} has external data in an attribute`);
      for (const inner of [...(attribute.g ? [attribute.g] : []), ...(attribute.graphs ?? [])])
        yield* allInitialisers(inner);
    }
}

function decode(graph: Uint8Array) {
  try {
    const model = onnx.ModelProto.decode(graph);
    // Fields newer than the reader's ONNX version would be lost on writing; IR 10 has none that matter outside functions.
    if (Number(model.irVersion) > 10) throw new Error(`its IR version is ${Number(model.irVersion)}, above 10`);
    if (model.functions.length > 0) throw new Error('it has model-local functions');
    return model;
  } catch (error) {
    throw invalidGraph(messageOf(error), error);
  }
}

function sameShape(stored: TensorEntry, { dims }: Tensor): boolean {
  return dims?.length === stored.shape.length && dims.every((size, axis) => Number(size) === stored.shape[axis]);
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
