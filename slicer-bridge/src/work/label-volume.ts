import { BridgeError } from '../errors.js';
import { voxelCount, type GridSize } from '../input/geometry.js';
import type { SliceMask } from '../segmenter.js';

/** The result as the client reads it: uint8 [slice][row][column], 0 background, objects 1..M without gaps. */
export class LabelVolume {
  readonly labels: Uint8Array;

  constructor(readonly size: GridSize) {
    this.labels = new Uint8Array(voxelCount(size));
  }

  /** Later masks go over earlier ones, as in the plug-in's own server. */
  paint({ label, slice, mask }: SliceMask): void {
    const { slices, rows, columns } = this.size;
    const area = rows * columns;
    if (slice < 0 || slice >= slices || mask.length !== area) throw new RangeError('the mask does not fit the volume');
    for (let i = 0, at = slice * area; i < area; i++, at++) if (mask[i] !== 0) this.labels[at] = label;
  }

  /**
   * Closes gaps in the labels: the client takes the n-th value present for label n (specification section 3.3 rule 2).
   *
   * @returns the objects as they were numbered before, in order
   * @throws BridgeError `nothing-found`
   */
  compact(): number[] {
    // The client drops the smallest value unseen, whatever it is; so one voxel stays background.
    if (!this.labels.includes(0)) this.labels[0] = 0;
    const present = new Uint8Array(256);
    for (let i = 0; i < this.labels.length; i++) present[this.labels[i]] = 1;
    const found = [...present.keys()].filter((label) => label > 0 && present[label] === 1);
    if (found.length === 0) {
      throw new BridgeError(
        422,
        'nothing-found',
        'The model sees no object at these prompts.',
        'Draw the box closer around the object, check the window, or choose another slice.',
      );
    }
    const renumbered = new Uint8Array(256);
    found.forEach((label, index) => (renumbered[label] = index + 1));
    if (found.at(-1) !== found.length) {
      for (let i = 0; i < this.labels.length; i++) this.labels[i] = renumbered[this.labels[i]];
    }
    return found;
  }

  /** One object on one slice, 0 or 1. */
  maskOf(label: number, slice: number): Uint8Array {
    const area = this.size.rows * this.size.columns;
    return this.labels.subarray(slice * area, (slice + 1) * area).map((value) => (value === label ? 1 : 0));
  }
}
