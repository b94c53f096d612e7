import { add, column, cross, dot, indexToWorld, norm, scale, subtract, type Vector3 } from '../../imaging/geometry.js';
import type { SegContentsFrame, SegSource } from '../types.js';

/** Parts of a pixel and of a slice distance within which two places are the same. */
const TOLERANCE = 0.1;
/** Relative difference of pixel spacings that is more than rounding: a tenth of a pixel over 1000 pixels. */
const SPACING_TOLERANCE = 1e-4;

/** Where the slices of a stack lie, for finding the slice of a frame by its position. */
export class SlicePlanes {
  private readonly row: Vector3;
  private readonly column: Vector3;
  private readonly normal: Vector3;
  /** centre of the first pixel of each slice, LPS mm: as stored where known, for uneven stacks have no true grid */
  private readonly origins: readonly Vector3[];
  /** places along the normal, ascending as slices are */
  private readonly along: readonly number[];

  constructor(private readonly source: SegSource) {
    const { geometry, sliceSources } = source;
    this.row = column(geometry.direction, 0);
    this.column = column(geometry.direction, 1);
    this.normal = cross(this.row, this.column);
    this.origins = Array.from({ length: geometry.slices }, (_, slice): Vector3 => {
      const stored = sliceSources[slice]?.imagePosition?.map(Number);
      const known = stored?.length === 3 && stored.every(Number.isFinite);
      return known ? (stored as unknown as Vector3) : indexToWorld(geometry, [0, 0, slice]);
    });
    this.along = this.origins.map((origin) => dot(origin, this.normal));
  }

  /** The slice that lies where a frame lies, pixel by pixel; `undefined` when there is none or the frame says no place. */
  sliceAt(frame: SegContentsFrame): number | undefined {
    if (!frame.position || this.mismatch(frame)) return undefined;
    const slice = this.nearest(dot(frame.position, this.normal));
    return this.distance(frame, slice)?.matches ? slice : undefined;
  }

  /** How far the pixels of a frame are from those of a slice at most; `undefined` when the frame states no position. */
  distance(frame: SegContentsFrame, slice: number): { millimetres: number; matches: boolean } | undefined {
    if (!frame.position) return undefined;
    const { rows, columns, spacing } = this.source.geometry;
    const axes = axesOf(frame) ?? { row: this.row, column: this.column };
    const ends: Vector3[] = [
      [0, 0, 0],
      scale(subtract(axes.row, this.row), (columns - 1) * spacing[0]),
      scale(subtract(axes.column, this.column), (rows - 1) * spacing[1]),
    ];
    const offset = subtract(frame.position, this.origins[slice]);
    const shifts = ends.map((end) => add(offset, end));
    const matches = shifts.every((shift) => {
      const across = Math.abs(dot(shift, this.normal));
      const within = norm(subtract(shift, scale(this.normal, dot(shift, this.normal))));
      return across <= TOLERANCE * spacing[2] && within <= TOLERANCE * Math.min(spacing[0], spacing[1]);
    });
    return { millimetres: Math.max(...shifts.map(norm)), matches };
  }

  /** What about a frame can fit no slice of the stack, as the end of "The segmentation ..."; `undefined` when nothing. */
  mismatch(frame: SegContentsFrame): string | undefined {
    const { spacing } = this.source.geometry;
    if (frame.pixelSpacing) {
      const [betweenRows, betweenColumns] = frame.pixelSpacing;
      const differs = (a: number, b: number): boolean => Math.abs(a - b) > SPACING_TOLERANCE * b;
      if (differs(betweenRows, spacing[1]) || differs(betweenColumns, spacing[0])) {
        const text = (x: number, y: number): string => `${Number(x.toFixed(4))}x${Number(y.toFixed(4))} mm`;
        return `has pixels of ${text(betweenColumns, betweenRows)}, the images ${text(spacing[0], spacing[1])}`;
      }
    }
    const axes = axesOf(frame);
    // a coarse look: `distance` compares the far corners
    if (axes && (dot(axes.row, this.row) < 0.99 || dot(axes.column, this.column) < 0.99)) {
      return 'has another orientation than the images';
    }
    return undefined;
  }

  private nearest(along: number): number {
    let [low, high] = [0, this.along.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.along[middle] <= along) low = middle;
      else high = middle;
    }
    return Math.abs(this.along[low] - along) <= Math.abs(this.along[high] - along) ? low : high;
  }
}

const axesOf = ({ orientation }: SegContentsFrame): { row: Vector3; column: Vector3 } | undefined =>
  orientation && {
    row: [orientation[0], orientation[1], orientation[2]],
    column: [orientation[3], orientation[4], orientation[5]],
  };
