import { UserError } from '@medsam2/models';
import { caseOfMask, caseOfPoints, type Case, type HeldVolume } from './cases.js';

const size = { slices: 4, rows: 8, columns: 8 };
const otherSize = { slices: 5, rows: 8, columns: 8 };
const area = 64;

const volume = (crc32: number, of = size): HeldVolume => ({
  mark: { crc32, bytes: 1 },
  size: of,
  volume: { ...of, channels: 1, voxels: new Uint8Array(of.slices * area) },
});

/** A square of side `side` from (x, y) on a slice. */
const square = (x: number, y: number, side: number): Uint8Array =>
  Uint8Array.from({ length: area }, (_, i) => {
    const [column, row] = [i % 8, Math.floor(i / 8)];
    return column >= x && column < x + side && row >= y && row < y + side ? 1 : 0;
  });

const onSlice = (slice: number, mask: Uint8Array, of = size): { kind: 'mask'; size: typeof of; labels: Uint8Array } => {
  const labels = new Uint8Array(of.slices * area);
  labels.set(mask, slice * area);
  return { kind: 'mask', size: of, labels };
};

function aCase(held: HeldVolume, middle?: Uint8Array, more: Partial<Case> = {}): Case {
  return { held, prompts: { boxes: [[1, 1, 4, 4]], start: 0, end: 3, slice: 1 }, middle, ...more };
}

function codeOf(choose: () => unknown): string {
  try {
    choose();
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
  return 'accepted';
}

const full = { label: 1, keySlices: [1] };

describe('the case of a middle mask', () => {
  const a = volume(1);
  const b = volume(2);
  const handedA = square(0, 0, 4);
  const handedB = square(3, 3, 4);
  const edited = square(0, 0, 3);

  it('is the newest of the only volume, whatever was painted', () => {
    const [first, second] = [aCase(a, handedA), aCase(a, handedA)];
    expect(caseOfMask([first, second], onSlice(1, square(7, 7, 1)), false)).toBe(second);
  });

  it('is the one of the same volume that it is most like', () => {
    const [first, second] = [aCase(a, handedA), aCase(a, handedB)];
    expect(caseOfMask([first, second], onSlice(1, edited), false)).toBe(first);
    expect(caseOfMask([first, second], onSlice(1, handedB), false)).toBe(second);
  });

  it('is that of the volume whose mask it equals, among several', () => {
    const [first, second] = [aCase(a, handedA), aCase(b, handedB)];
    expect(caseOfMask([first, second], onSlice(1, handedA), false)).toBe(first);
    expect(caseOfMask([first, second], onSlice(1, handedB), false)).toBe(second);
  });

  it('is that of the only volume whose mask it overlaps, when edited', () => {
    const [first, second] = [aCase(a, handedA), aCase(b, square(5, 5, 3))];
    expect(caseOfMask([first, second], onSlice(1, edited), false)).toBe(first);
  });

  it.each([
    ['overlaps two volumes', [aCase(a, handedA), aCase(b, handedB)], square(2, 2, 3)],
    ['overlaps none of two', [aCase(a, handedA), aCase(b, handedB)], square(7, 0, 1)],
    ['equals two', [aCase(a, handedA), aCase(b, handedA)], handedA],
  ])('is refused when it %s', (_, cases, mask) => {
    expect(codeOf(() => caseOfMask(cases, onSlice(1, mask), false))).toBe('client-ambiguous');
    // of a person with a path of their own, the newest is meant
    expect(caseOfMask(cases, onSlice(1, mask), true)).toBe(cases[1]);
  });

  it('counts forgotten volumes, so that no other is taken for them', () => {
    const gone = aCase({ ...volume(3), volume: undefined }, handedA);
    const other = aCase(b, square(5, 5, 3));
    expect(codeOf(() => caseOfMask([gone, other], onSlice(1, handedA), false))).toBe('volume-forgotten');
    expect(codeOf(() => caseOfMask([gone, other], onSlice(1, edited), false))).toBe('volume-forgotten');
  });

  it('leaves out cases that are finished while another is open', () => {
    const finished = aCase(a, handedA, { full });
    const open = aCase(b, handedB);
    expect(caseOfMask([finished, open], onSlice(1, square(2, 2, 3)), false)).toBe(open);
  });

  it('is refused without a middle slice, and for another size', () => {
    expect(codeOf(() => caseOfMask([aCase(a)], onSlice(1, edited), false))).toBe('no-middle-slice');
    const wrong = onSlice(1, edited, otherSize);
    expect(codeOf(() => caseOfMask([aCase(a, handedA)], wrong, true))).toBe('mask-size');
  });
});

describe('the case of points', () => {
  const points = {
    kind: 'points' as const,
    size,
    boxes: [[1, 1, 4, 4]],
    start: 0,
    end: 3,
    additions: [[1, 1, 1]],
    subtractions: [],
  };
  const elsewhere = { boxes: [[2, 2, 5, 5]], start: 0, end: 3, slice: 1 };

  it('is the last full segmentation of the only volume', () => {
    const held = volume(1);
    const cases = [aCase(held, undefined, { full }), aCase(held, undefined, { full, prompts: elsewhere }), aCase(held)];
    expect(caseOfPoints(cases, points, false)).toBe(cases[0]);
    expect(caseOfPoints(cases, { ...points, boxes: [[9, 9, 9, 9]] }, false)).toBe(cases[1]);
  });

  it('is told by boxes and range among several volumes, or refused', () => {
    const [first, second] = [
      aCase(volume(1), undefined, { full }),
      aCase(volume(2), undefined, { full, prompts: elsewhere }),
    ];
    expect(caseOfPoints([first, second], points, false)).toBe(first);
    const unlike = { ...points, end: 2 };
    expect(codeOf(() => caseOfPoints([first, second], unlike, false))).toBe('client-ambiguous');
    expect(caseOfPoints([first, second], unlike, true)).toBe(second);
    const twin = aCase(volume(3), undefined, { full });
    expect(codeOf(() => caseOfPoints([first, twin], points, false))).toBe('client-ambiguous');
  });

  it('is refused before a full segmentation and for another size', () => {
    expect(codeOf(() => caseOfPoints([aCase(volume(1))], points, false))).toBe('no-full-segmentation');
    const wrong = { ...points, size: otherSize };
    expect(codeOf(() => caseOfPoints([aCase(volume(1), undefined, { full })], wrong, false))).toBe('mask-size');
  });
});
