import type { StructureResult } from './evaluate-model.js';
import { checkBars, figuresOf } from './figures.js';
import type { StructureScores } from './scores.js';

function scores(keyDice: number, dice: number, ...overshoots: number[]): StructureScores {
  const ends = overshoots.map((overshoot) => ({ end: 'last' as const, overshoot, strays: 0 }));
  return { keyDice, dice, nsd: dice, keyEmpty: keyDice === 0, ends };
}

function result(model: StructureScores, connected = true, baseline = scores(0.5, 0.4)): StructureResult {
  return {
    case: 'a',
    label: 1,
    name: 'x',
    voxels: 500,
    boxSide: 20,
    extent: 5,
    key: 3,
    connected,
    traits: { contrast: 50, contrastToNoise: 5, thickness: 8 },
    seconds: 1,
    slices: 20,
    scores: { model, ellipse: baseline, threshold: baseline },
  };
}

describe('figuresOf', () => {
  it('takes medians over structures and shares over structures and ends', () => {
    const results = [
      result(scores(0, 0, -4, -5)),
      result(scores(0.8, 0.6, 1, 3)),
      result(scores(0.9, 0.7, 2, 0)),
      result(scores(1, 0.9)),
    ];
    const figures = figuresOf(results, 'model');
    expect(figures.structures).toBe(4);
    expect(figures.keyDice).toBeCloseTo(0.85, 12);
    expect(figures.dice).toBeCloseTo(0.65, 12);
    expect(figures.keyEmpty).toBe(0.25);
    // A structure without an end that has room says nothing about stopping.
    expect(figures.stops).toBeCloseTo(1 / 3, 12);
    expect(figures).toMatchObject({ ends: 6, endsMet: 0.5, tooFar: 1 / 6, tooEarly: 2 / 6 });
  });

  it('has no figures for nothing', () => {
    expect(figuresOf([], 'model')).toMatchObject({ structures: 0, keyDice: NaN, keyEmpty: NaN, stops: NaN });
  });
});

describe('checkBars', () => {
  const good = result(scores(0.95, 0.9, 0, 1));
  const bars = (groups: Parameters<typeof checkBars>[0]) => checkBars(groups, undefined).map(({ passed }) => passed);
  const unmeasured = [undefined, undefined, undefined];

  it('passes what is good enough and leaves open what was not measured', () => {
    expect(bars({ scenes: [good], phantoms: [], real: [good] })).toEqual([
      ...new Array<boolean>(8).fill(true),
      ...unmeasured,
    ]);
    expect(bars({ scenes: [], phantoms: [], real: [good] }).slice(0, 2)).toEqual([undefined, undefined]);
  });

  it('asks real structures of one piece only', () => {
    const pieces = result(scores(0.1, 0.1), false);
    expect(bars({ scenes: [good], phantoms: [], real: [good, pieces, pieces] }).slice(2, 6)).toEqual([true, true, true, true]); // prettier-ignore
  });

  it('asks to be 0.10 above both baselines', () => {
    const near = result(scores(0.95, 0.9), true, scores(0.9, 0.81));
    expect(bars({ scenes: [good], phantoms: [], real: [near] }).slice(4, 6)).toEqual([false, false]);
  });

  it('counts empty answers over everything', () => {
    const empty = result(scores(0, 0));
    const many = new Array<StructureResult>(98).fill(good);
    expect(bars({ scenes: many, phantoms: [], real: [good, good] })[6]).toBe(true);
    expect(bars({ scenes: many, phantoms: [empty], real: [good] })[6]).toBe(false);
  });

  it('judges speed', () => {
    const speed = { loadSeconds: 0.4, slicesPerSecond: 14.9, segmentSeconds: 8, segmentSlices: 112 };
    const passed = checkBars({ scenes: [good], phantoms: [], real: [good] }, speed).slice(-3).map((bar) => bar.passed); // prettier-ignore
    expect(passed).toEqual([false, true, true]);
  });
});
