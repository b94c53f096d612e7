/** A beating cavity in the sector of an ultrasound probe, in grey values of a display. */
import { paint, type Grid, type Scene, type Shape } from './scene.js';

/** pixels and frames; `spacing` is 1 */
export const heartGrid: Grid = { columns: 256, rows: 224, slices: 40, spacing: [1, 1, 1] };
/** by label, from 1 */
export const heartNames = ['cavity'];
export const frameMilliseconds = 40;

const framesPerBeat = 20;
const apex = { column: 128, row: 6 };
const sector = { degrees: 44, depth: 208 };

/** Grey 0..255; labels as `heartNames`. */
export function paintHeart(seed: number): Scene {
  const middle = (heartGrid.slices - 1) / 2;
  const scene = paint(heartGrid, (frame) => heartAt(frame, frame - middle), {
    background: 70,
    noise: 16,
    seed,
    limits: [0, 255],
  });
  const seen = sectorMask();
  for (let at = 0; at < scene.voxels.length; at++) if (seen[at % seen.length] === 0) scene.voxels[at] = 0;
  return scene;
}

/** @param time where the frame lies on the third axis, for shapes that are as thin as a frame */
function heartAt(frame: number, time: number): Shape[] {
  // 1 at the end of filling, 0 at the end of contraction
  const filled = (1 + Math.cos((2 * Math.PI * frame) / framesPerBeat)) / 2;
  const [width, length] = [27 + 11 * filled, 44 + 12 * filled];
  const row = 4 - 4 * filled;
  const flat = (shape: Omit<Shape, 'centre'> & { centre: readonly [number, number] }): Shape => ({
    ...shape,
    centre: [shape.centre[0], shape.centre[1], time],
  });
  return [
    flat({ centre: [-8, row], radii: [width + 16, length + 16, 1], turn: 14, value: 165 }),
    flat({ centre: [46, 66], radii: [20, 18, 1], value: 25 }),
    flat({ centre: [-8, row], radii: [width, length, 1], turn: 14, value: 22, label: 1 }),
  ];
}

/** 1 where the probe sees */
function sectorMask(): Uint8Array {
  const { columns, rows } = heartGrid;
  return Uint8Array.from({ length: columns * rows }, (_, at) => {
    const across = (at % columns) - apex.column;
    const deep = Math.floor(at / columns) - apex.row;
    const turned = Math.abs(Math.atan2(across, deep));
    return Math.hypot(across, deep) <= sector.depth && turned <= (sector.degrees * Math.PI) / 180 ? 1 : 0;
  });
}
