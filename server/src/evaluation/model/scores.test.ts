import { endScores, flatDice, scoreStructure } from './scores.js';
import { findStructures } from './structures.js';

const size = { slices: 16, rows: 12, columns: 12 };

/** A square column [2..9] x [2..9] on the given slices. */
function column(on: readonly number[]): Uint8Array {
  const mask = new Uint8Array(size.slices * 144);
  for (const slice of on) {
    for (let y = 2; y <= 9; y++) mask.fill(1, slice * 144 + y * 12 + 2, slice * 144 + y * 12 + 10);
  }
  return mask;
}

const from = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, at) => first + at);

const ends = (truth: readonly number[], found: readonly number[], key: number) =>
  endScores({ slices: truth, key }, column(found), size);

describe('endScores', () => {
  it('is 0 at both ends where the mask ends with the structure', () => {
    expect(ends(from(5, 9), from(5, 9), 7)).toEqual([
      { end: 'first', overshoot: 0, strays: 0 },
      { end: 'last', overshoot: 0, strays: 0 },
    ]);
  });

  it('is positive too far and negative too early', () => {
    expect(ends(from(5, 9), from(2, 8), 7).map(({ overshoot }) => overshoot)).toEqual([3, -1]);
  });

  it('leaves out ends near the border of the volume, where going too far cannot be seen', () => {
    expect(ends(from(2, 12), from(2, 12), 7)).toEqual([{ end: 'last', overshoot: 0, strays: 0 }]);
    expect(ends(from(0, 15), from(0, 15), 7)).toEqual([]);
  });

  it('counts a mask that comes back as strays, not as its end', () => {
    expect(ends(from(5, 9), [...from(5, 9), 13, 14], 7)[1]).toEqual({ end: 'last', overshoot: 0, strays: 2 });
    // Back inside the structure after a gap: it had ended too early.
    expect(ends(from(4, 11), [...from(4, 7), 10, 11], 6)[1]).toEqual({ end: 'last', overshoot: -4, strays: 2 });
  });

  it('crosses gaps of the structure itself', () => {
    const truth = [...from(4, 6), ...from(9, 11)];
    expect(ends(truth, truth, 5)[1]).toEqual({ end: 'last', overshoot: 0, strays: 0 });
  });

  it('ends on the prompted slice where that is empty', () => {
    expect(ends(from(5, 9), [], 7).map(({ overshoot }) => overshoot)).toEqual([-2, -2]);
  });
});

describe('scoreStructure', () => {
  const [structure] = findStructures(column(from(5, 9)), new Map(), size);

  it('gives full marks to the truth', () => {
    expect(scoreStructure(structure, structure.truth, size, [1, 1, 3], 2)).toMatchObject({
      keyDice: 1,
      dice: 1,
      nsd: 1,
      keyEmpty: false,
    });
  });

  it('tells the prompted slice from the volume', () => {
    const scores = scoreStructure(structure, column([structure.key]), size, [1, 1, 3], 2);
    expect(scores).toMatchObject({ keyDice: 1, keyEmpty: false });
    expect(scores.dice).toBeCloseTo(2 / 6, 12);
  });

  it('says when nothing was found', () => {
    const scores = scoreStructure(structure, column([]), size, [1, 1, 3], 2);
    expect(scores).toMatchObject({ keyDice: 0, dice: 0, nsd: 0, keyEmpty: true });
  });
});

describe('flatDice', () => {
  it('is 2|A∩B| / (|A|+|B|), and 1 for two empty masks', () => {
    expect(flatDice(Uint8Array.of(1, 1, 0, 0), Uint8Array.of(1, 0, 1, 1))).toBeCloseTo(2 / 5, 12);
    expect(flatDice(Uint8Array.of(0, 0), Uint8Array.of(0, 0))).toBe(1);
  });
});
