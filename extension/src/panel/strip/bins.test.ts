import { score } from '../testing/state.js';
import { binCount, binOf, binScores, sliceAt } from './bins.js';
import { summaryOf } from './summary.js';

describe('columns of the strip', () => {
  it('are one per slice where there is room, and never more than pixels', () => {
    expect([binCount(40, 256.7), binCount(520, 256.7), binCount(1, 256), binCount(40, 0)]).toEqual([40, 256, 1, 1]);
  });

  it('cover every slice, in order', () => {
    const bins = Array.from({ length: 520 }, (_, slice) => binOf(slice, 520, 256));
    expect([bins[0], bins[519], new Set(bins).size]).toEqual([0, 255, 256]);
    expect(bins).toEqual([...bins].sort((one, other) => one - other));
  });

  it('show the worst of their slices', () => {
    const scores = [score(0, 0.9), score(1, 0.4), score(2, 0.8, { origin: 'edited' }), score(3, 0, { pixels: 0 })];
    expect(binScores(scores, 8, 2)).toEqual([
      { confidence: 0.4, doubtful: true, edited: true },
      { doubtful: false, edited: false },
    ]);
  });

  it('have no bar for slices without the object, but say when that is doubtful', () => {
    expect(binScores([score(1, 0.2, { pixels: 0, doubtful: true })], 2, 2)[1]).toEqual({
      confidence: undefined,
      doubtful: true,
      edited: false,
    });
  });

  it('take no notice of slices that the volume does not have', () => {
    expect(binScores([score(9, 0.2)], 4, 4).every(({ confidence }) => confidence === undefined)).toBe(true);
  });

  it('are found again by the pointer', () => {
    expect([sliceAt(-0.1, 40), sliceAt(0, 40), sliceAt(0.5, 40), sliceAt(1, 40)]).toEqual([0, 0, 20, 39]);
  });
});

describe('the strip in words', () => {
  it('counts slices with the object and names the worst', () => {
    const scores = [score(4, 0.9), score(5, 0.3), score(6, 0.7), score(7, 0.1, { pixels: 0, doubtful: false })];
    expect(summaryOf(scores)).toMatchObject({ segmented: 3, doubtful: 1, worst: { slice: 5 } });
  });

  it('has nothing to say of nothing', () => {
    expect(summaryOf([])).toEqual({ segmented: 0, doubtful: 0, worst: undefined });
  });
});
