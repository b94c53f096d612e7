import { bytes, item, numbers, type DicomDataset } from './dataset.js';

/** Modality LUT (PS3.3 C.11.1): stored value -> modality value; values outside the table take its ends. */
export interface ModalityLut {
  readonly first: number;
  readonly values: Uint16Array;
}

/** The first item of the Modality LUT Sequence; `undefined` when there is none or it is not usable. */
export function readModalityLut(
  dataset: DicomDataset,
  littleEndian: boolean,
  signed: boolean,
): ModalityLut | undefined {
  const lut = item(dataset, '00283000');
  const descriptor = lut && numbers(lut, '00283002');
  if (!lut || descriptor?.length !== 3) return undefined;
  const [declared, stored, bits] = descriptor;
  const entries = declared === 0 ? 65536 : declared;
  const first = signed && stored >= 32768 ? stored - 65536 : stored;
  const values = lutValues(lut, littleEndian, bits, entries);
  return values && values.length === entries ? { first, values } : undefined;
}

function lutValues(lut: DicomDataset, littleEndian: boolean, bits: number, entries: number): Uint16Array | undefined {
  const table = bytes(lut, '00283006');
  if (!table) return Uint16Array.from(numbers(lut, '00283006') ?? []);
  if (bits === 8 && table.length < 2 * entries) return Uint16Array.from(table.subarray(0, entries));
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const length = Math.min(entries, table.length >> 1);
  return Uint16Array.from({ length }, (_, index) => view.getUint16(2 * index, littleEndian));
}

/** Applies the table to stored values; the result is a new array. */
export function applyModalityLut(samples: ArrayLike<number>, lut: ModalityLut): Uint16Array {
  const last = lut.values.length - 1;
  const out = new Uint16Array(samples.length);
  for (let i = 0; i < out.length; i++) out[i] = lut.values[Math.min(last, Math.max(0, samples[i] - lut.first))];
  return out;
}
