import { add, cross, dot, fromColumns, norm, normalise, scale, subtract, type Vector3 } from '../geometry.js';
import type { Finding, GridGeometry } from '../volume.js';
import { count, finding } from './findings.js';
import type { FrameDescriptor } from './frames.js';

/** A frame whose place in the patient is fully stated. */
export type FrameInSpace = FrameDescriptor &
  Required<Pick<FrameDescriptor, 'position' | 'orientation' | 'pixelSpacing'>>;

/** Directions of a frame: unit vectors of increasing column and row index and their right-handed normal. */
export interface Axes {
  readonly row: Vector3;
  readonly column: Vector3;
  readonly normal: Vector3;
}

/** In-plane drift over the whole stack, in pixels, from which on a stack counts as sheared (tilted gantry). */
const TILT_PIXELS = 0.25;
/** Deviation of a slice from the straight line of positions, in pixels, from which on there is no common grid. */
const SCATTER_PIXELS = 1;
/** Gantries tilt by up to 30 degrees. */
const STEEPEST_TILT = 45;
/** Relative deviation of a slice distance that is more than rounding. */
const SPACING_TOLERANCE = 0.05;

/**
 * Axes of a frame; `undefined` when ImageOrientationPatient is not two perpendicular unit vectors (PS3.3 C.7.6.2.1.1).
 */
export function axesOf(frame: FrameDescriptor): Axes | undefined {
  const row = frame.orientation && normalise(frame.orientation.row);
  const column = frame.orientation && normalise(frame.orientation.column);
  if (!frame.orientation || !row || !column) return undefined;
  const unit = (vector: Vector3): boolean => Math.abs(norm(vector) - 1) < 0.01;
  // 0.001 rad: stored cosines have at least four digits
  if (!unit(frame.orientation.row) || !unit(frame.orientation.column) || Math.abs(dot(row, column)) > 1e-3)
    return undefined;
  const normal = normalise(cross(row, column));
  return normal && { row, column, normal };
}

/** Positions closer than this (mm) along the normal are the same place. */
export const samePosition = (frame: FrameInSpace): number => Math.min(0.01, 0.1 * Math.min(...frame.pixelSpacing));

/**
 * The grid of a sorted stack, and what is odd about it.
 *
 * The third direction is the slice normal, except in a sheared stack (gantry tilt): there it is the unit vector of
 * the true step between slices and the spacing is the length of that step, so that index -> world stays exact.
 * Where distances differ, the grid has the most common distance and only holds between neighbours; the true positions
 * stay with the slices (`sliceSources`).
 *
 * @param frames one size and orientation, ascending along `axes.normal`, no two at the same position
 */
export function stackGeometry(
  frames: readonly FrameInSpace[],
  axes: Axes,
): { geometry: GridGeometry; findings: Finding[] } {
  const [first] = frames;
  const [rowSpacing, columnSpacing] = first.pixelSpacing;
  const size = { columns: first.header.format.columns, rows: first.header.format.rows, slices: frames.length };
  const grid = (step: number, direction: Vector3): GridGeometry => ({
    ...size,
    spacing: [columnSpacing, rowSpacing, step],
    origin: first.position,
    direction: fromColumns(axes.row, axes.column, direction),
  });
  if (frames.length === 1) {
    const thickness = first.sliceThickness;
    const step = thickness !== undefined && thickness > 0 ? thickness : 1;
    const source = step === thickness ? 'its slice thickness' : '1 mm, since no thickness is stated';
    const message = `The volume has one slice; the spacing between slices is taken as ${source}.`;
    return { geometry: grid(step, axes.normal), findings: [finding('single-slice', message)] };
  }
  const offsets = frames.map((frame) => subtract(frame.position, first.position));
  const distances = offsets.map((offset) => dot(offset, axes.normal));
  const { step, findings } = slicing(distances);
  const shear = inPlaneDrift(offsets, distances, axes, Math.min(rowSpacing, columnSpacing));
  findings.push(...shear.findings);
  if (!shear.perMillimetre) return { geometry: grid(step, axes.normal), findings };
  const along = add(axes.normal, shear.perMillimetre);
  return { geometry: grid(step * norm(along), scale(along, 1 / norm(along))), findings };
}

/** Spacing along the normal from ascending positions (mm), with findings on gaps and unequal distances. */
function slicing(distances: readonly number[]): { step: number; findings: Finding[] } {
  const gaps = distances.slice(1).map((distance, index) => distance - distances[index]);
  const median = [...gaps].sort((a, b) => a - b)[Math.floor((gaps.length - 1) / 2)];
  const uneven = gaps.filter((gap) => Math.abs(gap - median) > SPACING_TOLERANCE * median);
  if (uneven.length === 0) return { step: distances[distances.length - 1] / gaps.length, findings: [] };
  const missing = uneven.map((gap) => Math.round(gap / median) - 1);
  const areGaps = uneven.every((gap, index) => {
    return missing[index] >= 1 && Math.abs(gap / median - missing[index] - 1) <= 2 * SPACING_TOLERANCE;
  });
  const mm = (value: number): string => String(Number(value.toFixed(3)));
  // more than one gap in five steps is a spacing of its own rather than lost slices
  if (areGaps && uneven.length * 5 <= gaps.length) {
    const total = missing.reduce((sum, value) => sum + value, 0);
    const message = `${count(total, 'slice')} missing: slices are ${mm(median)} mm apart, but up to ${mm(Math.max(...uneven))} mm in ${count(uneven.length, 'place')}; distances and volumes across a gap are wrong.`;
    return { step: median, findings: [finding('missing-slices', message)] };
  }
  const message = `Slice distances differ: from ${mm(Math.min(...gaps))} to ${mm(Math.max(...gaps))} mm, most often ${mm(median)} mm; distances and volumes measured on the grid are wrong.`;
  return { step: median, findings: [finding('nonuniform-spacing', message)] };
}

/**
 * Sideways movement of the slices against the normal.
 *
 * @returns `perMillimetre`: in-plane movement per mm along the normal, when the stack is sheared
 */
function inPlaneDrift(
  offsets: readonly Vector3[],
  distances: readonly number[],
  axes: Axes,
  pixel: number,
): { perMillimetre?: Vector3; findings: Finding[] } {
  const lateral = offsets.map((offset, index) => subtract(offset, scale(axes.normal, distances[index])));
  const length = distances[distances.length - 1];
  const perMillimetre = scale(lateral[lateral.length - 1], 1 / length);
  const scatter = Math.max(
    ...lateral.map((shift, index) => norm(subtract(shift, scale(perMillimetre, distances[index])))),
  );
  const findings: Finding[] = [];
  if (scatter > SCATTER_PIXELS * pixel) {
    const message = `Slices are displaced sideways against each other by up to ${scatter.toFixed(2)} mm, so they form no common grid.`;
    findings.push(finding('irregular-positions', message));
  }
  if (norm(perMillimetre) * length <= TILT_PIXELS * pixel) return { findings };
  const degrees = (Math.atan(norm(perMillimetre)) * 180) / Math.PI;
  if (degrees > STEEPEST_TILT) {
    const message = `Slices move ${degrees.toFixed(0)} degrees away from their normal, more than any gantry tilts, so they form no stack.`;
    return { findings: [...findings, finding('irregular-positions', message)] };
  }
  const message = `The stack is sheared by ${degrees.toFixed(1)} degrees (tilted gantry); some programs cannot read segmentations of tilted series.`;
  findings.push(finding('gantry-tilt', message));
  return { perMillimetre, findings };
}
