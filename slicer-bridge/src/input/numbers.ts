import type { ArrayArchive } from '../archive.js';
import { BridgeError } from '../errors.js';

const badArray = (name: string, what: string): BridgeError =>
  new BridgeError(
    422,
    'upload-array',
    `The array ${name} of the upload ${what}.`,
    'Use the MedSAMSlicer plug-in unchanged.',
  );

/**
 * A small table of whole numbers, row by row. An empty array of any shape is no rows: numpy makes float64 of shape (0,) of an
 * empty list.
 *
 * @throws BridgeError `upload-array`
 */
export async function readRows(
  archive: ArrayArchive,
  name: string,
  columns: number,
  maxRows: number,
): Promise<number[][]> {
  const { shape } = await archive.header(name);
  if (shape.includes(0)) return [];
  if (shape.length !== 2 || shape[1] !== columns) {
    throw badArray(name, `has the shape (${shape.slice(0, 8).join(', ')}); rows of ${columns} numbers are expected`);
  }
  if (shape[0] > maxRows) throw badArray(name, `has ${shape[0]} rows; ${maxRows} are the most`);
  const numbers = wholeNumbers((await archive.read(name)).values, name);
  return Array.from({ length: shape[0] }, (_, row) => numbers.slice(row * columns, (row + 1) * columns));
}

/** @throws BridgeError `upload-array` */
export async function readList(archive: ArrayArchive, name: string, count: number): Promise<number[]> {
  const { shape } = await archive.header(name);
  if (shape.length !== 1 || shape[0] !== count) {
    throw badArray(name, `has the shape (${shape.slice(0, 8).join(', ')}); ${count} numbers are expected`);
  }
  return wholeNumbers((await archive.read(name)).values, name);
}

function wholeNumbers(values: ArrayLike<number>, name: string): number[] {
  const numbers = Array.from(values);
  const wrong = numbers.find((value) => !Number.isSafeInteger(value));
  if (wrong === undefined) return numbers;
  throw badArray(name, `holds ${wrong}, which is no whole number`);
}
