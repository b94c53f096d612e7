import { UserError } from '@medsam2/models';
import { checkLabels, joinPrompts, resolveRange } from './prompts.js';
import type { ImageSource, Prompt } from './types.js';

const source: ImageSource = { slices: 10, rows: 40, columns: 60, channels: 1, image: () => new Uint8Array(2400) };
const range = { first: 2, last: 7 };
const join = (...prompts: readonly Prompt[]) => joinPrompts({ label: 3, prompts }, source, range);

/** The code of what is thrown; its message and remedy must be sentences. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).toMatch(/^[A-Z"].*\.$/s);
    expect(error.remedy).toMatch(/^[A-Z].*\.$/s);
    expect(error.message).not.toContain('\n');
    return error.code;
  }
  return 'nothing was thrown';
}

describe('joinPrompts', () => {
  it('puts the corners of a box before points, in whatever order they come', () => {
    const box: Prompt = { kind: 'box', slice: 4, box: [1, 2, 30, 20], points: [{ x: 9, y: 9, label: 0 }] };
    const points: Prompt = { kind: 'points', slice: 4, points: [{ x: 5, y: 6, label: 1 }] };
    const corners = [
      [1, 2],
      [30, 20],
    ];
    expect(join(box, points)).toEqual([
      { slice: 4, kind: 'points', points: [...corners, [9, 9], [5, 6]], labels: [2, 3, 0, 1] },
    ]);
    expect(join(points, box)).toEqual([
      { slice: 4, kind: 'points', points: [...corners, [5, 6], [9, 9]], labels: [2, 3, 1, 0] },
    ]);
  });

  it('keeps slices apart, and masks as they are', () => {
    const mask = new Uint8Array(2400).fill(1, 7, 90);
    const joined = join(
      { kind: 'points', slice: 6, points: [{ x: 0, y: 0, label: 1 }] },
      { kind: 'mask', slice: 2, mask },
      { kind: 'points', slice: 6, points: [{ x: 59, y: 39, label: 0 }] },
    );
    expect(joined.map(({ slice, kind }) => [slice, kind])).toEqual([
      [6, 'points'],
      [2, 'mask'],
    ]);
    expect(joined[0]).toMatchObject({ labels: [1, 0] });
    expect(joined[1]).toMatchObject({ mask });
  });

  it('derives a box or points from a RECIST line', () => {
    const pixels = Array.from({ length: 11 }, (_, i) => ({ x: 20 + i, y: 15 }));
    const [box] = join({ kind: 'recist', slice: 5, pixels, mode: 'box', shift: 2 });
    expect(box).toMatchObject({ labels: [2, 3] });
    const [points] = join({ kind: 'recist', slice: 5, pixels, mode: 'points' });
    expect(points).toMatchObject({ labels: [1, 1, 1, 1, 1] });
  });

  it('takes points on the outer edges of the border pixels, and boxes up to the far edge', () => {
    const edge: Prompt = { kind: 'points', slice: 2, points: [{ x: -0.5, y: 39.5, label: 1 }] };
    expect(join(edge)).toHaveLength(1);
    expect(join({ kind: 'box', slice: 7, box: [0, 0, 60, 40] })).toHaveLength(1);
    expect(join({ kind: 'box', slice: 7, box: [5, 5, 5, 5] })).toHaveLength(1);
  });

  const point = { x: 1, y: 1, label: 1 } as const;
  const onSlice = (slice: number): Prompt => ({ kind: 'points', slice, points: [point] });
  const box = (...corners: [number, number, number, number]): Prompt => ({ kind: 'box', slice: 3, box: corners });
  const mask = (values: Uint8Array): Prompt => ({ kind: 'mask', slice: 3, mask: values });
  const fine = new Uint8Array(2400);

  it.each<[code: string, what: string, prompts: Prompt[]]>([
    ['prompt-missing', 'no prompt', []],
    ['prompt-missing', 'no point', [{ kind: 'points', slice: 3, points: [] }]],
    ['slice-out-of-range', 'a slice before the range', [onSlice(1)]],
    ['slice-out-of-range', 'a slice after the range', [onSlice(8)]],
    ['slice-out-of-range', 'half a slice', [onSlice(2.5)]],
    ['slice-out-of-range', 'no number of a slice', [onSlice(NaN)]],
    ['box-outside', 'a box that reaches outside', [box(10, 10, 61, 20)]],
    ['box-outside', 'a box that begins outside', [box(10, -1, 20, 20)]],
    ['box-empty', 'a box from right to left', [box(30, 10, 20, 20)]],
    ['box-empty', 'a box of no numbers', [box(NaN, 10, 20, 20)]],
    ['box-empty', 'an endless box', [box(0, 0, Infinity, 20)]],
    ['point-outside', 'a point outside', [{ kind: 'points', slice: 3, points: [point, { x: 60, y: 1, label: 0 }] }]],
    ['point-outside', 'a point nowhere', [{ kind: 'points', slice: 3, points: [{ x: 1, y: NaN, label: 1 }] }]],
    ['mask-size', 'a mask of another size', [mask(new Uint8Array(2401))]],
    ['mask-values', 'a mask of grey levels', [mask(new Uint8Array(2400).fill(255, 0, 9))]],
    ['prompts-conflict', 'a mask and a point', [mask(fine), onSlice(3)]],
    ['prompts-conflict', 'two masks', [mask(fine), mask(fine)]],
    ['prompts-conflict', 'two boxes', [box(1, 1, 2, 2), box(3, 3, 4, 4)]],
    ['recist-line-empty', 'a line without pixels', [{ kind: 'recist', slice: 3, pixels: [], mode: 'box' }]],
  ])('answers %s to %s', (code, _, prompts) => {
    expect(refusal(() => join(...prompts))).toBe(code);
  });
});

describe('resolveRange', () => {
  it('is the whole volume, or what is asked for, ends included', () => {
    expect(resolveRange({}, source)).toEqual({ first: 0, last: 9 });
    expect(resolveRange({ range: { first: 9, last: 9 } }, source)).toEqual({ first: 9, last: 9 });
  });

  it.each([
    [-1, 3],
    [3, 10],
    [5, 4],
    [0.5, 3],
    [0, NaN],
  ])('refuses %p to %p', (first, last) => {
    expect(refusal(() => resolveRange({ range: { first, last } }, source))).toBe('range-invalid');
  });
});

describe('checkLabels', () => {
  it('refuses two objects with one label', () => {
    const object = (label: number) => ({ label, prompts: [] });
    expect(refusal(() => checkLabels([object(1), object(2), object(1)]))).toBe('label-repeated');
    expect(() => checkLabels([object(1), object(2)])).not.toThrow();
  });
});
