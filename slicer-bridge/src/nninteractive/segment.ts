import { createHash } from 'node:crypto';
import { inflateRawSync, deflateRawSync } from 'node:zlib';
import { BridgeError } from '../errors.js';
import { voxelCount, type GridSize } from '../input/geometry.js';
import { noClicks, type Clicks } from '../prompted/clicks.js';

/** The segment that the user works on: its mask as both sides know it, and what was said about it. */
export interface Segment {
  readonly clicks: Clicks;
  /** 0 or 1, [slice][row][column] */
  readonly mask: Uint8Array;
}

export const emptySegment = (size: GridSize): Segment => ({
  clicks: noClicks,
  mask: new Uint8Array(voxelCount(size)),
});

interface Answer {
  readonly digest: string;
  readonly clicks: Clicks;
  readonly packed: Buffer;
}

const maxAnswers = 16;
/** A mask of so many voxels of which more than this part is new was not edited from the last answer. */
const editedPart = 0.5;

const digestOf = (mask: Uint8Array): string => createHash('sha256').update(mask).digest('base64url');

/**
 * The answers that were given for a volume. The module sends a segment whenever it is not what was answered last: after undo, after
 * editing by hand, or because another segment was chosen. A mask that was answered before continues from there.
 */
export class Answers {
  private readonly given: Answer[] = [];

  constructor(private readonly size: GridSize) {}

  /** Remembers an answer, as long as its like take less memory than the masks of the volume itself. */
  add({ clicks, mask }: Segment): void {
    this.given.push({ digest: digestOf(mask), clicks, packed: deflateRawSync(mask, { level: 1 }) });
    const limit = voxelCount(this.size);
    while (this.given.length > maxAnswers || (this.given.length > 1 && this.bytes > limit)) this.given.shift();
  }

  /**
   * The segment that a mask of the client's continues.
   *
   * @param mask 0 or 1 of the volume's size
   * @param current as it was last
   */
  continued(mask: Uint8Array, current: Segment): Segment {
    if (!mask.includes(1)) return emptySegment(this.size);
    const digest = digestOf(mask);
    const known = this.given.findLast((answer) => answer.digest === digest);
    if (known !== undefined) return { clicks: known.clicks, mask: inflateRawSync(known.packed) };
    const area = this.size.rows * this.size.columns;
    const on = (of: Uint8Array, slice: number): Uint8Array => of.subarray(slice * area, (slice + 1) * area);
    const slices = Array.from({ length: this.size.slices }, (_, slice) => slice);
    const filled = slices.filter((slice) => on(mask, slice).includes(1));
    const changed = slices.filter((slice) => Buffer.compare(on(mask, slice), on(current.mask, slice)) !== 0);
    const isEdited = changed.filter((slice) => filled.includes(slice)).length <= editedPart * filled.length;
    const clicked = new Map(isEdited ? current.clicks.clicked : []);
    const drawn = new Map(isEdited ? current.clicks.drawn : []);
    for (const slice of isEdited ? changed : filled) {
      clicked.delete(slice);
      drawn.set(slice, on(mask, slice).slice());
    }
    return { clicks: { clicked, drawn }, mask };
  }

  private get bytes(): number {
    const masks = new Set(this.given.flatMap(({ clicks }) => [...clicks.drawn.values()]));
    let sum = 0;
    for (const { packed } of this.given) sum += packed.length;
    for (const { byteLength } of masks) sum += byteLength;
    return sum;
  }
}

/** Most significant bit first, padded to a byte, as `numpy.packbits`. */
export function packBits(mask: Uint8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(mask.length / 8));
  for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) packed[i >> 3] |= 0x80 >> (i & 7);
  return packed;
}

/** A mask upload as 0 and 1. @throws BridgeError `mask-size` */
export function toMask(
  { shape, values }: { readonly shape: readonly number[]; readonly values: ArrayLike<number> },
  { slices, rows, columns }: GridSize,
): Uint8Array {
  if (shape.length !== 3 || shape[0] !== slices || shape[1] !== rows || shape[2] !== columns) {
    throw new BridgeError(
      422,
      'mask-size',
      `The mask has the shape (${shape.slice(0, 8).join(', ')}); the volume has (${slices}, ${rows}, ${columns}).`,
      'Choose the volume that the segmentation was made for.',
    );
  }
  return Uint8Array.from(values, (value) => (value !== 0 ? 1 : 0));
}
