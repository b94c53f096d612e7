import { encodeRuns } from '@medsam2/protocol/stream';
import { collides, editedMasks, emptyRuns, repaint } from './painting.js';

const runs = (...mask: number[]) => encodeRuns(Uint8Array.from(mask));

test('repainting takes away the old mask and leaves other segments alone', () => {
  const labels = Uint8Array.from([1, 1, 0, 2, 0, 0, 0, 0]);
  repaint(labels, runs(1, 1), runs(0, 1, 1, 1), 1);
  expect([...labels]).toEqual([0, 1, 1, 2, 0, 0, 0, 0]);
});

test('only pixels of other segments collide', () => {
  const labels = Uint8Array.from([1, 0, 2, 0]);
  expect(collides(labels, runs(1, 1), 1)).toBe(false);
  expect(collides(labels, runs(0, 1, 1), 1)).toBe(true);
  expect(collides(labels, emptyRuns, 1)).toBe(false);
});

test('edits are found exactly, for every segment that gained or lost pixels', () => {
  const scratch = new Uint8Array(8);
  const expected = new Map([[1, runs(1, 1, 1)], [2, runs(0, 0, 0, 0, 1, 1)]]); // prettier-ignore
  const labels = Uint8Array.from([1, 1, 1, 0, 2, 2, 0, 0]);
  expect(editedMasks(labels, expected, scratch).size).toBe(0);
  labels.set([2, 0], 2);
  const edited = editedMasks(labels, expected, scratch);
  expect(edited.get(1)).toEqual(runs(1, 1));
  expect(edited.get(2)).toEqual(runs(0, 0, 1, 0, 1, 1));
  expect(scratch.every((value) => value === 0)).toBe(true);
});

test('an erased mask is an edit, and so is one where nothing was', () => {
  const scratch = new Uint8Array(5);
  expect(editedMasks(new Uint8Array(5), new Map([[3, runs(0, 1)]]), scratch).get(3)).toEqual(emptyRuns);
  expect(editedMasks(Uint8Array.from([0, 0, 0, 0, 7]), new Map(), scratch).get(7)).toEqual(runs(0, 0, 0, 0, 1));
  expect(editedMasks(new Uint8Array(4), new Map(), scratch).size).toBe(0);
});
