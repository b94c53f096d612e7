import type { Provenance, SegRequest, SegSegment, SegSource } from '../types.js';
import { newUid } from '../uid.js';

export const terms = {
  category: { scheme: 'SCT', value: '123037004', meaning: 'Anatomical Structure' },
  type: { scheme: 'SCT', value: '10200004', meaning: 'Liver' },
} as const;

/** A segment of masks by slice: [row][column] 0 or 1. */
export function segmentOf(
  label: string,
  masks: ReadonlyMap<number, Uint8Array>,
  more: Partial<SegSegment> = {},
): SegSegment {
  return {
    label,
    terms,
    colour: [221, 130, 101],
    trackingId: `${label} of the test`,
    trackingUid: newUid(),
    algorithmType: 'SEMIAUTOMATIC',
    slices: [...masks.keys()].sort((a, b) => a - b),
    mask: (slice) => {
      const mask = masks.get(slice);
      if (!mask) throw new Error(`no mask on slice ${slice}`);
      return mask;
    },
    ...more,
  };
}

/**
 * Segments with a mask that is another on every slice (so that exchanged frames, rows or columns show): rectangles with
 * ragged edges. With `overlapping` neighbours share pixels; without, each has its own stripe of columns.
 */
export function stripes(
  source: SegSource,
  count: number,
  options: { readonly overlapping?: boolean; readonly slices?: (segment: number) => readonly number[] } = {},
): SegSegment[] {
  const { rows, columns, slices } = source.geometry;
  const width = columns / count;
  return Array.from({ length: count }, (_, index) => {
    const [from, to] = [Math.floor(index * width), Math.floor((index + (options.overlapping ? 1.5 : 1)) * width)];
    const masks = new Map<number, Uint8Array>();
    const own = options.slices?.(index) ?? Array.from({ length: slices }, (__, slice) => slice);
    for (const slice of own) {
      const mask = new Uint8Array(rows * columns);
      for (let row = (slice + index) % Math.min(rows, 5); row < rows; row += 1 + ((row + slice) % 3)) {
        for (let column = from; column < Math.min(to, columns); column++) {
          if ((row * 7 + column * 3 + slice * 5 + index) % 4 !== 0) mask[row * columns + column] = 1;
        }
      }
      mask[(slice % rows) * columns + from] = 1;
      masks.set(slice, mask);
    }
    return segmentOf(`Segment ${index + 1}`, masks);
  });
}

export const provenance: Provenance = {
  softwareName: 'medsam2 server',
  softwareVersion: '0.1.0',
  deviceSerialNumber: 'test-machine',
  model: {
    name: 'medsam2-latest',
    version: '1.0',
    sha256: 'a'.repeat(64),
    demonstration: false,
    parameters: [
      ['window', '40/400'],
      ['view', 'full'],
    ],
  },
  runtime: { name: 'onnxruntime-node', version: '1.30.0' },
  creator: 'Tester^Tess',
  reviewed: false,
};

export function requestOf(
  source: SegSource,
  segments: readonly SegSegment[],
  more: Partial<SegRequest> = {},
): SegRequest {
  return {
    source,
    segments,
    provenance,
    format: 'binary',
    description: 'MedSAM2 segmentation',
    seriesNumber: 7001,
    instanceNumber: 1,
    now: new Date('2026-03-04T05:06:07.089Z'),
    ...more,
  };
}
