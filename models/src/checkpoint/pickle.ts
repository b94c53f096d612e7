import { UserError } from '../errors.js';
import { opcodeName } from './opcodes.js';
import {
  PickleDict,
  PickledStorage,
  PickledTensor,
  PickleGlobal,
  PickleTuple,
  wholeNumbers,
  type PickleValue,
} from './pickle-values.js';
import { bytesPerElement, elementCount, limits, type Dtype } from './types.js';

/**
 * A pickle machine for the pickles that `torch.save` writes (protocol 2; specification section 1.2) and nothing else.
 *
 * It builds plain data. A global is a name looked up in a fixed list; calling one means making the record below. There
 * is no way from a pickle to code, and any opcode or global outside the list ends the reading with its name.
 */

const storages: Readonly<Record<string, Dtype>> = {
  'torch.DoubleStorage': 'f64',
  'torch.FloatStorage': 'f32',
  'torch.HalfStorage': 'f16',
  'torch.BFloat16Storage': 'bf16',
  'torch.LongStorage': 'i64',
  'torch.IntStorage': 'i32',
  'torch.ShortStorage': 'i16',
  'torch.CharStorage': 'i8',
  'torch.ByteStorage': 'u8',
  'torch.BoolStorage': 'bool',
};
const callables = ['collections.OrderedDict', 'torch._utils._rebuild_tensor_v2', 'torch._utils._rebuild_parameter'];

const remedy =
  'Nothing was executed. Save the weights again as a plain state dict (torch.save({"model": model.state_dict()}, FILE)) ' +
  'or as .safetensors, and only use files from a source you trust.';

function malformed(detail: string): UserError {
  return new UserError('checkpoint-malformed-pickle', `The checkpoint's pickle is malformed: ${detail}.`, remedy);
}

function overLimit(what: string, limit: number): UserError {
  return new UserError('checkpoint-pickle-limit', `The checkpoint's pickle has more than ${limit} ${what}.`, remedy);
}

/**
 * Reads a whole pickle, to its STOP.
 *
 * @param bytes the pickle (`data.pkl`)
 * @returns the value; what it refers to in storages is not read
 * @throws UserError `checkpoint-forbidden-global`, `checkpoint-forbidden-opcode`, `checkpoint-malformed-pickle`,
 *   `checkpoint-pickle-limit`
 */
export function readPickle(bytes: Uint8Array): PickleValue {
  if (bytes.length > limits.pickleBytes) throw overLimit('bytes', limits.pickleBytes);
  return new Machine(bytes).run();
}

class Machine {
  private readonly view: DataView;
  private position = 0;
  private readonly stack: PickleValue[] = [];
  /** stack heights at the open MARKs */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private created = 0;
  private tensors = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): PickleValue {
    for (;;) {
      const code = this.view.getUint8(this.take(1));
      if (code === 0x2e) return this.pop(); // STOP
      this.step(code);
    }
  }

  private step(code: number): void {
    switch (code) {
      case 0x80: {
        const protocol = this.view.getUint8(this.take(1));
        if (protocol > 2)
          throw new UserError(
            'checkpoint-forbidden-opcode',
            `The checkpoint uses pickle protocol ${protocol}.`,
            remedy,
          );
        return;
      }
      case 0x4e:
        return this.push(null);
      case 0x88:
        return this.push(true);
      case 0x89:
        return this.push(false);
      case 0x4b:
        return this.push(this.view.getUint8(this.take(1)));
      case 0x4d:
        return this.push(this.view.getUint16(this.take(2), true));
      case 0x4a:
        return this.push(this.view.getInt32(this.take(4), true));
      case 0x8a:
        return this.push(this.long(this.view.getUint8(this.take(1))));
      case 0x47:
        return this.push(this.view.getFloat64(this.take(8), false));
      case 0x58:
        return this.push(this.text(this.view.getUint32(this.take(4), true)));
      case 0x7d:
        return this.push(new PickleDict());
      case 0x5d:
        return this.push([]);
      case 0x29:
        return this.push(new PickleTuple([]));
      case 0x28:
        if (this.marks.length >= limits.pickleDepth) throw overLimit('nested marks', limits.pickleDepth);
        this.marks.push(this.stack.length);
        return;
      case 0x74:
        return this.push(new PickleTuple(this.popToMark()));
      case 0x85:
        return this.push(new PickleTuple([this.pop()]));
      case 0x86: {
        const [second, first] = [this.pop(), this.pop()];
        return this.push(new PickleTuple([first, second]));
      }
      case 0x87: {
        const [third, second, first] = [this.pop(), this.pop(), this.pop()];
        return this.push(new PickleTuple([first, second, third]));
      }
      case 0x61:
        return this.append([this.pop()]);
      case 0x65:
        return this.append(this.popToMark());
      case 0x73: {
        const [value, key] = [this.pop(), this.pop()];
        return this.setItems([key, value]);
      }
      case 0x75:
        return this.setItems(this.popToMark());
      case 0x71:
        return this.memorise(this.view.getUint8(this.take(1)));
      case 0x72:
        return this.memorise(this.view.getUint32(this.take(4), true));
      case 0x68:
        return this.recall(this.view.getUint8(this.take(1)));
      case 0x6a:
        return this.recall(this.view.getUint32(this.take(4), true));
      case 0x63:
        return this.push(this.global(this.line(), this.line()));
      case 0x51:
        return this.push(this.storage(this.pop()));
      case 0x52: {
        const [args, callee] = [this.pop(), this.pop()];
        return this.push(this.call(callee, args));
      }
      case 0x62:
        return this.build();
      default:
        throw new UserError(
          'checkpoint-forbidden-opcode',
          `The checkpoint's pickle uses the opcode ${opcodeName(code)}, which a file of plain tensors does not need.`,
          remedy,
        );
    }
  }

  /** Position of the next `count` bytes, which are then consumed. */
  private take(count: number): number {
    const start = this.position;
    if (count > this.bytes.length - start) throw malformed(`it ends at byte ${this.bytes.length} within a value`);
    this.position = start + count;
    return start;
  }

  private push(value: PickleValue): void {
    if (++this.created > limits.pickleValues) throw overLimit('values', limits.pickleValues);
    if (this.stack.length >= limits.pickleStack) throw overLimit('values on its stack', limits.pickleStack);
    this.stack.push(value);
  }

  private pop(): PickleValue {
    const floor = this.marks.length > 0 ? this.marks[this.marks.length - 1] : 0;
    const value = this.stack.length > floor ? this.stack.pop() : undefined;
    if (value === undefined) throw malformed(`its stack is empty at byte ${this.position}`);
    return value;
  }

  private top(): PickleValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  private popToMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw malformed(`a MARK is missing at byte ${this.position}`);
    return this.stack.splice(mark);
  }

  private append(items: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw malformed('something is appended to what is no list');
    for (const item of items) list.push(item);
  }

  private setItems(items: readonly PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof PickleDict) || items.length % 2 !== 0) throw malformed('items are set on what is no dict');
    for (let at = 0; at < items.length; at += 2) {
      const key = items[at];
      if (Array.isArray(key) || (typeof key === 'object' && key !== null && !(key instanceof PickleTuple)))
        throw malformed('a dict key is neither text, number nor tuple');
      dict.entries.set(key, items[at + 1]);
    }
  }

  private memorise(slot: number): void {
    if (this.memo.size >= limits.pickleValues) throw overLimit('memo entries', limits.pickleValues);
    this.memo.set(slot, this.top());
  }

  private recall(slot: number): void {
    const value = this.memo.get(slot);
    if (value === undefined) throw malformed(`memo ${slot} is read before it is written`);
    this.push(value);
  }

  /** LONG1: two's complement, little-endian; a whole number as `number` where exact. */
  private long(count: number): number | bigint {
    const start = this.take(count);
    let value = 0n;
    for (let index = count - 1; index >= 0; index--) value = (value << 8n) | BigInt(this.bytes[start + index]);
    if (count > 0 && this.bytes[start + count - 1] >= 0x80) value -= 1n << BigInt(8 * count);
    const exact = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
    return exact ? Number(value) : value;
  }

  private text(count: number): string {
    if (count > limits.stringBytes) throw overLimit('bytes in one string', limits.stringBytes);
    const start = this.take(count);
    return decode(this.bytes.subarray(start, start + count));
  }

  /** Text up to a newline, as GLOBAL carries it. */
  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0 || end - this.position > 1000) throw malformed('a name has no end');
    const text = decode(this.bytes.subarray(this.position, end));
    this.position = end + 1;
    return text;
  }

  private global(module: string, qualifiedName: string): PickleGlobal {
    const name = `${module}.${qualifiedName}`;
    const dtype = Object.hasOwn(storages, name) ? storages[name] : undefined;
    if (dtype === undefined && !callables.includes(name))
      throw new UserError(
        'checkpoint-forbidden-global',
        `The checkpoint's pickle refers to ${printable(name)}, which is not needed to hold tensors and could run code.`,
        remedy,
      );
    return new PickleGlobal(name, dtype);
  }

  private storage(id: PickleValue): PickledStorage {
    const [kind, type, key, , elements] = id instanceof PickleTuple ? id.items : [];
    if (
      kind !== 'storage' ||
      !(type instanceof PickleGlobal) ||
      type.dtype === undefined ||
      typeof key !== 'string' ||
      typeof elements !== 'number'
    )
      throw malformed('a persistent id is not that of a storage');
    if (
      !Number.isSafeInteger(elements) ||
      elements < 0 ||
      !Number.isSafeInteger(elements * bytesPerElement[type.dtype])
    )
      throw malformed(`a storage declares ${elements} elements`);
    return new PickledStorage(type.dtype, key, elements);
  }

  private call(callee: PickleValue, args: PickleValue): PickleValue {
    if (!(callee instanceof PickleGlobal) || !(args instanceof PickleTuple))
      throw malformed('it calls something that is not callable');
    switch (callee.name) {
      case 'collections.OrderedDict':
        if (args.items.length > 0) throw malformed('an OrderedDict is made with arguments');
        return new PickleDict();
      case 'torch._utils._rebuild_tensor_v2':
        return this.tensor(args.items);
      case 'torch._utils._rebuild_parameter': {
        const tensor = args.items[0];
        if (!(tensor instanceof PickledTensor)) throw malformed('a parameter is made of what is no tensor');
        return tensor;
      }
      default:
        throw malformed(`it calls ${callee.name}`);
    }
  }

  private tensor([storage, offset, shape, stride]: readonly PickleValue[]): PickledTensor {
    if (++this.tensors > limits.tensors) throw overLimit('tensors', limits.tensors);
    const sizes = wholeNumbers(shape);
    const steps = wholeNumbers(stride);
    if (
      !(storage instanceof PickledStorage) ||
      typeof offset !== 'number' ||
      !Number.isSafeInteger(offset) ||
      offset < 0 ||
      sizes === undefined ||
      steps === undefined ||
      sizes.length !== steps.length ||
      elementCount(sizes) === undefined
    )
      throw malformed('a tensor is described wrongly');
    return new PickledTensor(storage, offset, sizes, steps);
  }

  /** An OrderedDict's own attributes (`_metadata` of a state dict) say nothing about tensors: read and dropped. */
  private build(): void {
    const state = this.pop();
    if (!(this.top() instanceof PickleDict) || !(state instanceof PickleDict))
      throw new UserError(
        'checkpoint-forbidden-opcode',
        "The checkpoint's pickle uses the opcode BUILD on something other than an OrderedDict.",
        remedy,
      );
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new UserError(
      'checkpoint-malformed-pickle',
      "The checkpoint's pickle holds text that is not UTF-8.",
      remedy,
      {
        cause,
      },
    );
  }
}

/** A name from a hostile file, fit for a terminal: short, no control characters. */
function printable(name: string): string {
  const clean = name.replace(/[^\x20-\x7e]/g, '?');
  return clean.length > 120 ? `${clean.slice(0, 120)}…` : clean;
}
