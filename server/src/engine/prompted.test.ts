import type { GreySlice } from './appearance.js';
import type { DecodeOutput } from './graph-runner.js';
import { PromptedFollower } from './prompted.js';
import type { Box } from './types.js';
import type { View } from './view.js';

const side = 8;
const area = side ** 2;
const [rows, columns] = [16, 16];
const view: View = { left: 2, top: 4, width: 8, height: 8 };

/** Four candidates that see rows 2 to 5 and columns 1 to 4 of the grid, each as sure as it is told. */
function decoded(sure: readonly number[], presence = 4, iou = [0.1, 0.2, 0.9, 0.3]): DecodeOutput {
  const seen = (at: number): boolean => {
    const [y, x] = [Math.floor(at / side), at % side];
    return y >= 2 && y <= 5 && x >= 1 && x <= 4;
  };
  const masks = sure.flatMap((logit) => Array.from({ length: area }, (_, at) => (seen(at) ? logit : -logit)));
  return {
    masks: Float32Array.from(masks),
    iou: Float32Array.from(iou),
    pointers: new Float32Array(32),
    presence,
  };
}
const inside = 3 * side + 2;

/** A bright object where the candidates see it, or elsewhere. */
function slice(ground: number, object: number): GreySlice {
  const pixels = new Uint8Array(rows * columns).fill(ground);
  for (let y = 6; y <= 9; y++) pixels.fill(object, y * columns + 3, y * columns + 7);
  return { rows, columns, pixels };
}

function made(): PromptedFollower {
  const follower = new PromptedFollower(side, -1024);
  const example = slice(40, 200);
  follower.learn(
    example,
    Uint8Array.from(example.pixels, (value) => (value === 200 ? 1 : 0)),
  );
  return follower;
}

function asking(remembered: DecodeOutput, boxed: DecodeOutput) {
  const boxes: Box[] = [];
  return {
    boxes,
    remembered: () => Promise.resolve(remembered),
    boxed: (box: Box) => {
      boxes.push(box);
      return Promise.resolve(boxed);
    },
  };
}

describe('PromptedFollower', () => {
  it('asks again with the box around what memory sees, and averages answers and candidates', async () => {
    const ask = asking(decoded([50, 1, 2, 3]), decoded([6, 1, 1, 4]));
    const answer = await made().answer(slice(40, 200), view, ask, true);
    // Columns 1 to 4 and rows 2 to 5 of the view, whose cells are pixels.
    expect(ask.boxes).toEqual([[3, 6, 6, 9]]);
    // Memory: the mean of 1, 2, 3. Box: half of candidate 0, half of the mean of 1, 1, 4.
    expect(answer.logits[inside]).toBeCloseTo((2 + (6 + 2) / 2) / 2, 5);
    expect(answer).toMatchObject({ presence: 4, candidate: 2, ended: false });
    expect(answer.iou).toBeCloseTo(0.9, 6);
  });

  it('gives out what grey levels correct, and goes on with what the model said', async () => {
    const ask = asking(decoded([1, 1, 1, 1]), decoded([1, 1, 1, 1]));
    const seen = slice(40, 200);
    seen.pixels[8 * columns + 8] = 200; // bright beside the mask: row 4, column 6 of the view
    seen.pixels[7 * columns + 4] = 40; // dark in it: row 3, column 2
    const { logits, shown } = await made().answer(seen, view, ask, true);
    expect([logits[4 * side + 6], logits[inside]]).toEqual([-1, 1]);
    expect([shown[4 * side + 6], shown[inside]]).toEqual([1, -1]);
    expect(shown[3 * side + 3]).toBe(3);
  });

  it('ends where the mask looks like the surroundings, unless a prompt lies ahead', async () => {
    const gone = slice(40, 40);
    const ask = () => asking(decoded([5, 5, 5, 5]), decoded([5, 5, 5, 5]));
    const ended = await made().answer(gone, view, ask(), true);
    expect(ended).toMatchObject({ ended: true, presence: -4 });
    expect(new Set([...ended.logits, ...ended.shown])).toEqual(new Set([-1024]));
    expect(await made().answer(gone, view, ask(), false)).toMatchObject({ ended: false, presence: 4 });
  });

  it('asks no box where memory sees nothing, and does without one that sees nothing', async () => {
    const absent = asking(decoded([5, 5, 5, 5], -3), decoded([5, 5, 5, 5]));
    expect(await made().answer(slice(40, 200), view, absent, true)).toMatchObject({ presence: -3, ended: false });
    expect(absent.boxes).toEqual([]);
    const empty = asking(decoded([0, 0, 0, 0]), decoded([5, 5, 5, 5]));
    expect((await made().answer(slice(40, 200), view, empty, true)).ended).toBe(false);
    expect(empty.boxes).toEqual([]);
    const doubtful = asking(decoded([1, 1, 1, 1]), decoded([9, 9, 9, 9], -1));
    expect((await made().answer(slice(40, 200), view, doubtful, true)).logits[inside]).toBe(1);
  });
});
