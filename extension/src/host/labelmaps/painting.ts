/** Masks as runs on one slice of a labelmap: [row][column], one value per pixel, 0 where nothing is. */
import { encodeRuns, intervalsOfRuns } from '@medsam2/protocol/stream';

export const emptyRuns = new Uint8Array(0);

export const sameRuns = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);

/** Whether pixels of the mask belong to another value. */
export function collides(labels: Uint8Array, runs: Uint8Array, value: number): boolean {
  for (const [start, end] of intervalsOfRuns(runs)) {
    for (let at = start; at < end; at++) {
      if (labels[at] !== 0 && labels[at] !== value) return true;
    }
  }
  return false;
}

/** Makes the value's pixels those of the mask, leaving other values alone. @param before the mask that was there */
export function repaint(labels: Uint8Array, before: Uint8Array, runs: Uint8Array, value: number): void {
  for (const [start, end] of intervalsOfRuns(before)) {
    for (let at = start; at < end; at++) {
      if (labels[at] === value) labels[at] = 0;
    }
  }
  for (const [start, end] of intervalsOfRuns(runs)) {
    for (let at = start; at < end; at++) {
      if (labels[at] === 0) labels[at] = value;
    }
  }
}

/**
 * What differs between a slice and the masks that were written to it.
 * @param expected value to runs, as written
 * @param scratch at least as long as the slice, all 0; is all 0 again afterwards
 * @returns value to runs of every value whose mask is another now
 */
export function editedMasks(
  labels: Uint8Array,
  expected: ReadonlyMap<number, Uint8Array>,
  scratch: Uint8Array,
): Map<number, Uint8Array> {
  if (expected.size === 0 && isEmpty(labels)) return new Map();
  for (const [value, runs] of expected) {
    for (const [start, end] of intervalsOfRuns(runs)) scratch.fill(value, start, end);
  }
  const touched = new Set<number>();
  for (const [start, end] of differing(labels, scratch)) {
    for (let at = start; at < end; at++) {
      if (labels[at] === scratch[at]) continue;
      touched.add(labels[at]);
      touched.add(scratch[at]);
    }
  }
  for (const runs of expected.values()) {
    for (const [start, end] of intervalsOfRuns(runs)) scratch.fill(0, start, end);
  }
  touched.delete(0);
  return new Map([...touched].map((value) => [value, runsOfValue(labels, value)]));
}

/** Stretches of `a` that may differ from `b`: four pixels at a time where the arrays allow it, else all of it. */
function* differing(a: Uint8Array, b: Uint8Array): Generator<readonly [start: number, end: number]> {
  if (a.byteOffset % 4 !== 0 || b.byteOffset % 4 !== 0 || a.length % 4 !== 0) {
    yield [0, a.length];
    return;
  }
  const length = a.length / 4;
  const [left, right] = [
    new Uint32Array(a.buffer, a.byteOffset, length),
    new Uint32Array(b.buffer, b.byteOffset, length),
  ];
  for (let word = 0; word < length; word++) {
    if (left[word] !== right[word]) yield [4 * word, 4 * word + 4];
  }
}

/** Most slices are empty: they are passed four pixels at a time where the array allows it. */
function isEmpty(labels: Uint8Array): boolean {
  if (labels.byteOffset % 4 !== 0 || labels.length % 4 !== 0) return labels.every((value) => value === 0);
  return new Uint32Array(labels.buffer, labels.byteOffset, labels.length / 4).every((word) => word === 0);
}

function runsOfValue(labels: Uint8Array, value: number): Uint8Array {
  const mask = new Uint8Array(labels.length);
  for (let at = 0; at < labels.length; at++) {
    if (labels[at] === value) mask[at] = 1;
  }
  return encodeRuns(mask);
}
