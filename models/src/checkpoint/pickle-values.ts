import { limits, type Dtype } from './types.js';

/** What a restricted pickle can hold: plain data, and records of tensors that lie elsewhere in the file. */

/** `torch._utils._rebuild_tensor_v2`: a view of a storage. Sizes and strides in elements. */
export class PickledTensor {
  constructor(
    readonly storage: PickledStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly stride: readonly number[],
  ) {}
}

/** Persistent id `('storage', torch.FloatStorage, key, device, number of elements)`. */
export class PickledStorage {
  constructor(
    readonly dtype: Dtype,
    readonly key: string,
    readonly elements: number,
  ) {}
}

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | PickleTuple
  | PickleDict
  | PickledTensor
  | PickledStorage
  | PickleGlobal;

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** dict and collections.OrderedDict alike; keys that are not strings are kept apart, because only strings are looked up. */
export class PickleDict {
  readonly entries = new Map<string | number | bigint | boolean | null | PickleTuple, PickleValue>();
}

/** An allowed global; `dtype` where it is a storage type. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly dtype?: Dtype,
  ) {}
}

/** The items of a tuple of whole numbers from 0, or undefined for anything else. */
export function wholeNumbers(value: PickleValue | undefined): number[] | undefined {
  if (!(value instanceof PickleTuple) || value.items.length > limits.dimensions) return undefined;
  const numbers: number[] = [];
  for (const item of value.items) {
    if (typeof item !== 'number' || !Number.isSafeInteger(item) || item < 0) return undefined;
    numbers.push(item);
  }
  return numbers;
}
