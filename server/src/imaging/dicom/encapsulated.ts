import { UserError } from '@medsam2/models';
import { bytes, type DicomDataset } from './dataset.js';
import type { PixelElement } from './parse.js';

/**
 * Encapsulated Pixel Data (PS3.5 annex A.4): items of fragments, and which fragments make which frame.
 */

interface Fragment {
  /** offset of the item from the first item behind the Basic Offset Table */
  readonly offset: number;
  readonly data: Uint8Array;
}

const ITEM = 0xfffee000;
const SEQUENCE_DELIMITER = 0xfffee0dd;

/**
 * Compressed frames of an instance, in order, each as the fragments it is made of (views, no copies).
 *
 * @throws UserError `truncated-pixel-data`: the items end early; `frames-not-separable`: nothing tells which
 *   fragments belong to which frame
 */
export function compressedFrames(element: PixelElement, dataset: DicomDataset, frames: number): Uint8Array[][] {
  const { offsets, fragments } = readItems(element.value);
  if (frames === 1) return [fragments.map((fragment) => fragment.data)];
  const starts = frameStarts(offsets, extendedOffsets(dataset), fragments, frames);
  return starts.map((start, index) => fragments.slice(start, starts[index + 1]).map((fragment) => fragment.data));
}

/** One frame as one run of bytes; a view when it is a single fragment. */
export function joinFragments(fragments: readonly Uint8Array[]): Uint8Array {
  if (fragments.length === 1) return fragments[0];
  const joined = new Uint8Array(fragments.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of fragments) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function readItems(value: Uint8Array): { offsets: number[]; fragments: Fragment[] } {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const fragments: Fragment[] = [];
  let offsets: number[] | undefined;
  let base = 0;
  let at = 0;
  while (at + 8 <= value.length) {
    const tag = view.getUint16(at, true) * 0x10000 + view.getUint16(at + 2, true);
    if (tag === SEQUENCE_DELIMITER) return { offsets: offsets ?? [], fragments: nonEmpty(fragments) };
    const length = view.getUint32(at + 4, true);
    if (tag !== ITEM || at + 8 + length > value.length) throw truncated();
    if (offsets === undefined) {
      offsets = Array.from({ length: length >> 2 }, (_, index) => view.getUint32(at + 8 + 4 * index, true));
      base = at + 8 + length;
    } else {
      fragments.push({ offset: at - base, data: value.subarray(at + 8, at + 8 + length) });
    }
    at += 8 + length;
  }
  // some writers leave out the delimiter when Pixel Data ends the file; whole items are complete all the same
  if (at === value.length && fragments.length > 0) return { offsets: offsets ?? [], fragments };
  throw truncated();
}

function nonEmpty(fragments: Fragment[]): Fragment[] {
  if (fragments.length === 0) throw truncated();
  return fragments;
}

/** Extended Offset Table (7FE0,0001), 64-bit little endian. */
function extendedOffsets(dataset: DicomDataset): number[] {
  const table = bytes(dataset, '7FE00001');
  if (!table) return [];
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return Array.from({ length: table.length >> 3 }, (_, index) => Number(view.getBigUint64(8 * index, true)));
}

/** Index of the first fragment of every frame. */
function frameStarts(
  basic: readonly number[],
  extended: readonly number[],
  fragments: readonly Fragment[],
  frames: number,
): number[] {
  for (const table of [extended, basic]) {
    if (table.length !== frames) continue;
    const starts = table.map((offset) => fragments.findIndex((fragment) => fragment.offset === offset));
    // tables with 32-bit overflow or wrong base exist: trust a table only when it points at items, ascending
    if (starts.every((start, index) => start >= 0 && (index === 0 || start > starts[index - 1]))) return starts;
  }
  if (fragments.length === frames) return fragments.map((_, index) => index);
  const marked = fragments.flatMap((fragment, index) => (startsImage(fragment.data) ? [index] : []));
  if (marked.length === frames && marked[0] === 0) return marked;
  throw new UserError(
    'frames-not-separable',
    `An instance holds ${fragments.length} fragments for ${frames} frames, and nothing tells which belong together.`,
    'Convert the series to Explicit VR Little Endian (for example with dcmconv or gdcmconv) and try again.',
  );
}

/** Start-of-image of the JPEG and JPEG-LS family (FF D8 FF), or of a JPEG 2000 codestream (FF 4F FF 51). */
const startsImage = (data: Uint8Array): boolean =>
  data[0] === 0xff && data[2] === 0xff && (data[1] === 0xd8 || (data[1] === 0x4f && data[3] === 0x51));

function truncated(): UserError {
  return new UserError(
    'truncated-pixel-data',
    'The compressed pixel data of an instance ends early or is damaged.',
    'Transfer or export the series again.',
  );
}
