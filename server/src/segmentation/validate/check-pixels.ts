import type { DicomDataset } from '../../imaging/dicom/index.js';
import { bytes } from '../../imaging/dicom/dataset.js';
import { tagOf } from '../attributes.js';
import { frameBits, packedBytes } from '../bits.js';
import { isLabelMap } from './check-attributes.js';
import type { FrameRecord } from './check-frames.js';
import { itemsOf, numberOf, textOf, type Report } from './report.js';

/** Pixel Data: its length, no empty frames, labels that are described, and whether segments overlap as stated. */
export function checkPixels(dataset: DicomDataset, frames: readonly FrameRecord[], report: Report): void {
  const pixels = (numberOf(dataset, 'Rows') ?? 0) * (numberOf(dataset, 'Columns') ?? 0);
  const stream = bytes(dataset, tagOf('PixelData')) ?? new Uint8Array();
  const labels = isLabelMap(dataset);
  const wide = labels && numberOf(dataset, 'BitsAllocated') === 16;
  const length = labels ? pixels * frames.length * (wide ? 2 : 1) : packedBytes(pixels, frames.length);
  if (stream.length !== length + (length % 2)) {
    report.error('pixel-length', `Pixel Data has ${stream.length} bytes instead of ${length + (length % 2)}.`);
    return;
  }
  if ((dataset[tagOf('PixelData')]?.vr === 'OW') !== wide) {
    report.error('attribute-vr', `Pixel Data is not written as ${wide ? 'OW' : 'OB'}.`);
  }
  if (!isPadded(stream, labels ? length * 8 : pixels * frames.length)) {
    report.error('pixel-padding', 'The padding behind the last frame is not 0.');
  }
  if (labels) checkLabels(dataset, stream.subarray(0, length), frames, pixels, wide, report);
  else checkBits(dataset, stream, frames, pixels, report);
}

function isPadded(stream: Uint8Array, usedBits: number): boolean {
  const lastByte = Math.floor(usedBits / 8);
  const rest = stream.subarray(lastByte);
  return rest.every((byte, index) => (index === 0 ? byte >> (usedBits % 8) : byte) === 0);
}

function checkBits(
  dataset: DicomDataset,
  stream: Uint8Array,
  frames: readonly FrameRecord[],
  pixels: number,
  report: Report,
): void {
  const bySlice = new Map<string, FrameRecord[]>();
  for (const frame of frames) {
    const others = bySlice.get(frame.sliceKey);
    if (others) others.push(frame);
    else bySlice.set(frame.sliceKey, [frame]);
  }
  let overlap = false;
  for (const together of bySlice.values()) {
    const union = together.length > 1 ? new Uint8Array(Math.ceil(pixels / 8)) : undefined;
    for (const frame of together) {
      const seen = addBits(frameBits(stream, frame.number - 1, pixels), union);
      if (seen.isEmpty) report.error('frame-empty', `Frame ${frame.number} has no pixel.`);
      overlap ||= seen.overlaps;
    }
  }
  checkOverlap(dataset, overlap, report);
  const used = new Set(frames.map(({ segment }) => segment));
  const unused = itemsOf(dataset, 'SegmentSequence').filter((item) => !used.has(numberOf(item, 'SegmentNumber')));
  if (unused.length > 0) report.error('segment-empty', `${unused.length} described segments have no frame.`);
}

/** Plain loops: callbacks for every byte take ten times as long, and there are hundreds of megabytes. */
function addBits(bits: Uint8Array, union: Uint8Array | undefined): { isEmpty: boolean; overlaps: boolean } {
  let any = 0;
  let common = 0;
  for (let index = 0; index < bits.length; index++) {
    const byte = bits[index];
    if (byte === 0) continue;
    any = byte;
    if (!union) break;
    common |= byte & union[index];
    union[index] |= byte;
  }
  return { isEmpty: any === 0, overlaps: common !== 0 };
}

function checkOverlap(dataset: DicomDataset, overlap: boolean, report: Report): void {
  const stated = textOf(dataset, 'SegmentsOverlap');
  if (stated !== (overlap ? 'YES' : 'NO')) {
    report.error(
      'segments-overlap',
      `Segments Overlap says ${stated || 'nothing'}, but segments ${overlap ? 'do' : 'do not'} overlap.`,
    );
  }
}

function checkLabels(
  dataset: DicomDataset,
  stream: Uint8Array,
  frames: readonly FrameRecord[],
  pixels: number,
  wide: boolean,
  report: Report,
): void {
  const seen = new Uint8Array(65536);
  const step = wide ? 2 : 1;
  for (const frame of frames) {
    const start = (frame.number - 1) * pixels * step;
    let isEmpty = true;
    for (let at = start; at < start + pixels * step; at += step) {
      const label = wide ? stream[at] | (stream[at + 1] << 8) : stream[at];
      if (label === 0) continue;
      isEmpty = false;
      seen[label] = 1;
    }
    if (isEmpty) report.error('frame-empty', `Frame ${frame.number} has no pixel.`);
  }
  const described = new Set(itemsOf(dataset, 'SegmentSequence').map((item) => numberOf(item, 'SegmentNumber') ?? -1));
  const undescribed = seen.findIndex((is, label) => is === 1 && !described.has(label));
  if (undescribed >= 0) report.error('label-undescribed', `The pixel value ${undescribed} is no described segment.`);
  const unused = [...described].filter((label) => label > 0 && seen[label] !== 1);
  if (unused.length > 0) report.error('segment-empty', `${unused.length} described segments have no pixel.`);
}
