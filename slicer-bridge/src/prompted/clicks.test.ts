import type { OpenStack, PropagateRequest } from '../segmenter.js';
import { noClicks, promptsOf, spread, track, withBox, withPoints } from './clicks.js';

const size = { slices: 20, rows: 2, columns: 2 };
const yes = { x: 1, y: 0, label: 1 as const };
const no = { x: 0, y: 1, label: 0 as const };
const filled = Uint8Array.of(1, 0, 0, 1);

describe('clicks as prompts', () => {
  it('correct the mask that was shown when the first one was made', () => {
    const shown = filled.slice();
    const first = withPoints(noClicks, 3, [no], shown);
    shown.fill(0);
    expect(promptsOf(withPoints(first, 3, [yes], shown))).toEqual([
      { kind: 'points', slice: 3, points: [no, yes], previous: filled },
    ]);
  });

  it('of "not here" say nothing where nothing is', () => {
    expect(promptsOf(withPoints(noClicks, 3, [no], new Uint8Array(4)))).toEqual([]);
  });

  it('keep their points when a box follows, and lose the mask before', () => {
    const clicks = withBox(withPoints(noClicks, 3, [no], filled), 3, [0, 0, 1, 1]);
    expect(promptsOf(clicks)).toEqual([{ kind: 'box', slice: 3, box: [0, 0, 1, 1], points: [no] }]);
  });

  it('come in the order of slices, with a few of the drawn ones', () => {
    const drawn = new Map(Array.from({ length: 15 }, (_, i) => [i, filled] as const));
    drawn.set(2, new Uint8Array(4));
    const prompts = promptsOf({ ...withPoints(noClicks, 4, [yes]), drawn });
    expect(prompts.map(({ slice }) => slice)).toEqual([0, 3, 4, 7, 9, 12, 14]);
    expect(prompts.filter(({ kind }) => kind === 'mask')).toHaveLength(6);
  });

  it('are spread evenly with both ends', () => {
    expect(spread([0, 1, 2, 3, 4, 5, 6, 7, 8], 3)).toEqual([0, 4, 8]);
    expect(spread([1, 2], 3)).toEqual([1, 2]);
  });
});

describe('tracking', () => {
  const asked: PropagateRequest[] = [];
  const stack: OpenStack = {
    preview: () => Promise.resolve([]),
    propagate: async function* (request) {
      asked.push(request);
      await Promise.resolve();
      for (let slice = request.range.first; slice <= request.range.last; slice++)
        yield { label: 1, slice, mask: filled };
    },
    close: () => undefined,
  };
  const signal = new AbortController().signal;

  it('goes as far as it should, and leaves drawn slices as they are', async () => {
    const drawn = new Map([[6, Uint8Array.of(0, 1, 1, 0)]]);
    const clicks = { ...withPoints(noClicks, 5, [yes]), drawn };
    const labels = await track(clicks, { stack, size, reach: 2, signal });
    expect(asked.at(-1)?.range).toEqual({ first: 3, last: 8 });
    expect([...(labels?.subarray(6 * 4, 7 * 4) ?? [])]).toEqual([0, 1, 1, 0]);
    expect([...(labels?.subarray(2 * 4, 4 * 4) ?? [])]).toEqual([0, 0, 0, 0, 1, 0, 0, 1]);
    await track(clicks, { stack, size, signal });
    expect(asked.at(-1)?.range).toEqual({ first: 0, last: 19 });
  });

  it('asks nothing where nothing was said', async () => {
    const before = asked.length;
    expect(await track(withPoints(noClicks, 5, [no]), { stack, size, signal })).toBeUndefined();
    expect(asked).toHaveLength(before);
  });
});
