import { setImmediate } from 'node:timers/promises';
import type { SegmentStatistics } from '@medsam2/protocol';
import { column, dot } from '../imaging/geometry.js';
import { count } from '../imaging/dicom/findings.js';
import { sliceView, type Volume } from '../imaging/volume.js';
import { longAxisOf, shortAxisOf, type LongAxis } from './diameters.js';
import { IntensityAccumulator } from './intensities.js';
import { pixelVolumes } from './slice-volumes.js';

/** A segment whose masks are asked for one slice at a time. */
export interface MeasuredSegment {
  readonly id: number;
  /** slices with at least one pixel, ascending */
  readonly slices: readonly number[];
  /** [row][column] zero or not, of one of `slices` */
  mask(slice: number): Uint8Array;
}

/**
 * Figures of one segment: size, RECIST axes, intensities (definitions in docs/measurements.md). Memory: one slice.
 *
 * @param unit unit of the voxel values (`intensityUnit`)
 * @returns without what cannot be measured honestly; `remarks` says why
 * @throws RangeError when a slice or mask does not fit the volume: a defect of the caller
 */
export function statisticsOf(segment: MeasuredSegment, volume: Volume, unit: string): SegmentStatistics {
  const steps = measure(segment, volume, unit);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * The same, letting others run between slices: large segments take longer than a server may be silent.
 *
 * @throws the signal's reason when aborted
 */
export async function statisticsInTurns(
  segment: MeasuredSegment,
  volume: Volume,
  unit: string,
  signal?: AbortSignal,
): Promise<SegmentStatistics> {
  const steps = measure(segment, volume, unit);
  for (;;) {
    signal?.throwIfAborted();
    const step = steps.next();
    if (step.done) return step.value;
    await setImmediate();
  }
}

/** Pauses behind every slice. */
function* measure(segment: MeasuredSegment, volume: Volume, unit: string): Generator<void, SegmentStatistics> {
  const { rows, columns, slices } = volume.geometry;
  const remarks: string[] = [];
  const pixel = pixelVolumes(volume);
  const axes = pixelSize(volume);
  if (axes.remark) remarks.push(axes.remark);
  const intensities = readsIntensities(volume, remarks) ? new IntensityAccumulator() : undefined;

  let voxels = 0;
  let cubicMillimetres: number | undefined = pixel.of ? 0 : undefined;
  let longest: { axis: LongAxis; slice: number } | undefined;
  for (const slice of segment.slices) {
    const mask = segment.mask(slice);
    if (!(slice >= 0 && slice < slices) || mask.length !== rows * columns) {
      throw new RangeError(`slice ${slice} with ${mask.length} pixels does not fit ${slices}x${rows}x${columns}`);
    }
    const set = countSet(mask);
    if (set === 0) continue;
    voxels += set;
    const each = pixel.of?.(slice);
    cubicMillimetres = each === undefined || cubicMillimetres === undefined ? undefined : cubicMillimetres + each * set;
    intensities?.add(sliceView(volume, slice), mask);
    const found = axes.size && longAxisOf(mask, rows, columns, axes.size, longest?.axis.length);
    if (found) longest = { axis: found, slice };
    yield;
  }
  if (pixel.remark !== undefined && cubicMillimetres !== undefined && voxels > 0) remarks.push(pixel.remark);
  if (cubicMillimetres === undefined) {
    remarks.push(pixel.of ? 'The segment reaches missing slices, so that its volume is not known.' : pixel.remark);
  }

  const figures = intensities?.figures();
  if (figures && figures.nonFinite > 0) {
    remarks.push(`${count(figures.nonFinite, 'voxel')} NaN or infinite, left out of the intensities.`);
  }
  return {
    segment: segment.id,
    voxels,
    ...(cubicMillimetres === undefined ? {} : { volumeMl: cubicMillimetres / 1000 }),
    ...(longest && axes.size
      ? { longAxis: longest.axis.length, shortAxis: shortAxisOf(longest.axis, axes.size), axisSlice: longest.slice }
      : {}),
    axisUnit: axes.unit,
    ...(figures ? { mean: figures.mean, sd: figures.sd, min: figures.min, max: figures.max } : {}),
    unit,
    ...(remarks.length > 0 ? { remarks } : {}),
  };
}

/** In-plane pixel size, in pixels where the image has no place in space. */
function pixelSize({ kind, geometry, findings }: Volume): {
  size?: { x: number; y: number };
  unit: 'mm' | 'px';
  remark?: string;
} {
  if (kind === 'cine' || findings.some(({ code }) => code === 'npz-no-spacing')) {
    return { size: { x: 1, y: 1 }, unit: 'px' };
  }
  const [x, y] = geometry.spacing;
  if (Math.abs(dot(column(geometry.direction, 0), column(geometry.direction, 1))) > 1e-3) {
    return { unit: 'mm', remark: 'Rows and columns are not at right angles, so that no diameters are measured.' };
  }
  return { size: { x, y }, unit: 'mm' };
}

function readsIntensities({ channels, findings }: Volume, remarks: string[]): boolean {
  const inverted = findings.some(({ code }) => code === 'display-inverted');
  if (channels === 3) remarks.push('Colour images have no intensities to measure.');
  // bright and dark were exchanged for the model, so the values are none that the scanner wrote
  if (inverted) remarks.push('The images are stored inverted (MONOCHROME1); no intensities are measured.');
  return channels === 1 && !inverted;
}

function countSet(mask: Uint8Array): number {
  let count = 0;
  for (let pixel = 0; pixel < mask.length; pixel++) if (mask[pixel] !== 0) count++;
  return count;
}
