import { z } from 'zod';
import { BridgeError } from '../errors.js';
import type { GridSize } from '../input/geometry.js';
import { spread, withBox, withPoints, type Clicks } from '../prompted/clicks.js';
import type { Box, Point } from '../segmenter.js';
import type { Segment } from './segment.js';

/** [k, j, i] = [slice, row, column] */
const voxel = z.tuple([z.int(), z.int(), z.int()]);
export const pointSchema = z.object({ voxel_coord: voxel, positive_click: z.boolean() });
export const boxSchema = z.object({ outer_point_one: voxel, outer_point_two: voxel, positive_click: z.boolean() });

type Voxel = z.infer<typeof voxel>;

/** Points that stand for a scribble: as many as a patient user would click. */
const scribblePoints = 8;
/** Points that stand for an area that is not the object. */
const areaPoints = 3;

const refuse = (code: string, message: string, remedy: string): BridgeError =>
  new BridgeError(422, code, message, remedy);

const shownOn = ({ mask }: Segment, { rows, columns }: GridSize, slice: number): Uint8Array =>
  mask.subarray(slice * rows * columns, (slice + 1) * rows * columns);

/** @throws BridgeError `prompt-outside` */
export function addPoint(segment: Segment, size: GridSize, [slice, y, x]: Voxel, label: 0 | 1): Clicks {
  requireInside([slice, y, x], size);
  return withPoints(segment.clicks, slice, [{ x, y, label }], shownOn(segment, size, slice));
}

/**
 * A box on one slice [k, j, i], corners in any order. What is not the object is said by a point in the box's middle: the model
 * knows no box around what is not there.
 *
 * @throws BridgeError `prompt-outside`, `prompt-plane`
 */
export function addBox(segment: Segment, size: GridSize, one: Voxel, two: Voxel, label: 0 | 1): Clicks {
  if (one[0] !== two[0]) throw planeRefused('box');
  const slice = one[0];
  const box: Box = [
    Math.max(0, Math.min(one[2], two[2])),
    Math.max(0, Math.min(one[1], two[1])),
    Math.min(size.columns - 1, Math.max(one[2], two[2])),
    Math.min(size.rows - 1, Math.max(one[1], two[1])),
  ];
  if (box[0] > box[2] || box[1] > box[3]) throw outside();
  requireInside([slice, box[1], box[0]], size);
  if (label === 1) return withBox(segment.clicks, slice, box);
  const middle = { x: (box[0] + box[2]) >> 1, y: (box[1] + box[3]) >> 1, label };
  return withPoints(segment.clicks, slice, [middle], shownOn(segment, size, slice));
}

/**
 * An area that was drawn around on one slice: the box around it; what is not the object: points in it.
 *
 * @param mask 0 or 1 of the volume's size
 * @throws BridgeError `prompt-empty`, `prompt-plane`
 */
export function addLasso(segment: Segment, size: GridSize, mask: Uint8Array, label: 0 | 1): Clicks {
  const pixels = filledPixels(mask, size);
  if (pixels.length > 1) throw planeRefused('lasso');
  const [{ slice, at }] = pixels;
  const inside = at.map((i) => ({ x: i % size.columns, y: Math.floor(i / size.columns), label }));
  if (label === 1) {
    const [xs, ys] = [inside.map(({ x }) => x), inside.map(({ y }) => y)];
    return withBox(segment.clicks, slice, [least(xs), least(ys), most(xs), most(ys)]);
  }
  return withPoints(segment.clicks, slice, spread(inside, areaPoints), shownOn(segment, size, slice));
}

/** A painted line, in any plane: points along it, each on its own slice. @throws BridgeError `prompt-empty` */
export function addScribble(segment: Segment, size: GridSize, mask: Uint8Array, label: 0 | 1): Clicks {
  const all = filledPixels(mask, size).flatMap(({ slice, at }) => at.map((i) => ({ slice, i })));
  const bySlice = new Map<number, Point[]>();
  for (const { slice, i } of spread(all, scribblePoints)) {
    const points = bySlice.get(slice) ?? [];
    bySlice.set(slice, [...points, { x: i % size.columns, y: Math.floor(i / size.columns), label }]);
  }
  let { clicks } = segment;
  for (const [slice, points] of bySlice) clicks = withPoints(clicks, slice, points, shownOn(segment, size, slice));
  return clicks;
}

/** Slices with pixels that are set, and which ones. */
function filledPixels(mask: Uint8Array, { slices, rows, columns }: GridSize): { slice: number; at: number[] }[] {
  const area = rows * columns;
  const filled: { slice: number; at: number[] }[] = [];
  for (let slice = 0; slice < slices; slice++) {
    const at: number[] = [];
    for (let i = 0; i < area; i++) if (mask[slice * area + i] !== 0) at.push(i);
    if (at.length > 0) filled.push({ slice, at });
  }
  if (filled.length > 0) return filled;
  throw refuse('prompt-empty', 'Nothing was drawn.', 'Draw inside the volume.');
}

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b));

function requireInside([slice, y, x]: Voxel, { slices, rows, columns }: GridSize): void {
  if (slice >= 0 && y >= 0 && x >= 0 && slice < slices && y < rows && x < columns) return;
  throw outside();
}

const outside = (): BridgeError =>
  refuse('prompt-outside', 'The prompt lies outside the volume.', 'Place it inside the image.');

const planeRefused = (what: string): BridgeError =>
  refuse(
    'prompt-plane',
    `The ${what} lies across the slices of the volume, and this model looks at one stored slice at a time.`,
    'Draw it in the view along which the volume was taken (usually axial), or use points.',
  );
