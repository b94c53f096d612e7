import { UserError } from '@medsam2/models';
import type { Place } from '@medsam2/protocol';
import { column, cross, dot, subtract, type Vector3 } from '../imaging/geometry.js';
import type { GridGeometry } from '../imaging/volume.js';
import type { PlannedVolume } from './series-source.js';

export interface SliceImage {
  readonly sopInstanceUid: string;
  readonly frame?: number;
}

/** Where the slices of a session's volume are: by image, and in space. */
export class SessionGrid {
  private readonly byImage = new Map<string, number>();
  private readonly normal: Vector3;
  /** centre of the first pixel of each slice, LPS mm */
  private readonly origins: readonly Vector3[];
  /** the same along the normal, ascending, mm */
  private readonly heights: readonly number[];

  /**
   * @param images one per slice
   * @param positions ImagePositionPatient of each slice where the source has it: exact where distances are not equal
   */
  constructor(
    readonly geometry: GridGeometry,
    readonly images: readonly SliceImage[],
    positions?: readonly (Vector3 | undefined)[],
  ) {
    images.forEach(({ sopInstanceUid, frame }, slice) => this.byImage.set(keyOf(sopInstanceUid, frame), slice));
    this.normal = cross(column(geometry.direction, 0), column(geometry.direction, 1));
    const step = column(geometry.direction, 2).map((value) => value * geometry.spacing[2]);
    const regular = (slice: number): Vector3 => [
      geometry.origin[0] + slice * step[0],
      geometry.origin[1] + slice * step[1],
      geometry.origin[2] + slice * step[2],
    ];
    // Grids of files may be left-handed; then slices descend along the cross product.
    if (dot(this.normal, [step[0], step[1], step[2]]) < 0) {
      this.normal = [-this.normal[0], -this.normal[1], -this.normal[2]];
    }
    this.origins = images.map((_, slice) => positions?.[slice] ?? regular(slice));
    this.heights = this.origins.map((origin) => dot(origin, this.normal));
  }

  get slices(): number {
    return this.geometry.slices;
  }

  /** of one slice */
  get size(): { readonly rows: number; readonly columns: number } {
    const { rows, columns } = this.geometry;
    return { rows, columns };
  }

  get pixels(): number {
    return this.geometry.rows * this.geometry.columns;
  }

  /** @throws UserError `image-not-found` */
  sliceAt(place: Place): number {
    const slice =
      'slice' in place
        ? place.slice
        : (this.byImage.get(keyOf(place.sopInstanceUid, place.frame)) ??
          // Viewers number the one frame of an ordinary image, too; an only frame may be left out.
          (place.frame === undefined
            ? this.byImage.get(keyOf(place.sopInstanceUid, 1))
            : place.frame === 1
              ? this.byImage.get(keyOf(place.sopInstanceUid, undefined))
              : undefined));
    if (slice !== undefined && slice < this.slices) return slice;
    throw new UserError(
      'image-not-found',
      'slice' in place
        ? `Slice ${place.slice} is outside the volume with slices 0 to ${this.slices - 1}.`
        : 'The image of the drawing does not belong to the volume of the session.',
      'Draw on an image of the volume that the session was made for.',
    );
  }

  /**
   * The nearest slice, and the place on it in fractions of pixels. `depth` counts slices with fractions between the two
   * neighbours, whatever their distance; below 0 and above the last slice it goes on with the outermost distance.
   */
  nearest(world: Vector3): Located {
    const along = dot(world, this.normal);
    const depth = this.depthAt(along);
    const slice = Math.min(Math.max(Math.round(depth), 0), this.slices - 1);
    const offset = subtract(world, this.origins[slice]);
    const { direction, spacing } = this.geometry;
    const x = dot(offset, column(direction, 0)) / spacing[0];
    const y = dot(offset, column(direction, 1)) / spacing[1];
    return { slice, x, y, depth };
  }

  /** @param along mm along the normal */
  private depthAt(along: number): number {
    const heights = this.heights;
    if (heights.length === 1) return (along - heights[0]) / this.geometry.spacing[2];
    // Slices ascend along the normal.
    let above = heights.findIndex((height) => height > along);
    if (above < 0) above = heights.length - 1;
    const upper = Math.max(1, above);
    return upper - 1 + (along - heights[upper - 1]) / (heights[upper] - heights[upper - 1]);
  }
}

/** The grid of a planned volume; positions as the images state them. */
export function gridOf(planned: Pick<PlannedVolume, 'source'>): SessionGrid {
  const { geometry, sliceSources } = planned.source();
  const images = sliceSources.map(({ sopInstanceUid, frameNumber }) => ({
    sopInstanceUid,
    ...(frameNumber === undefined ? {} : { frame: frameNumber }),
  }));
  const positions = sliceSources.map(({ imagePosition }) => {
    const [x, y, z] = (imagePosition ?? []).map(Number);
    return [x, y, z].every(Number.isFinite) ? ([x, y, z] as const) : undefined;
  });
  return new SessionGrid(geometry, images, positions);
}

export interface Located {
  readonly slice: number;
  readonly x: number;
  readonly y: number;
  readonly depth: number;
}

const keyOf = (uid: string, frame: number | undefined): string => `${uid}/${frame ?? ''}`;
