import { ProtocolError } from './protocol-error.js';

/**
 * Masks as runs: the pixels of a whole slice in row-major order, as lengths of alternating stretches of 0 and 1,
 * beginning with 0, each a variable-length number (unsigned LEB128: seven bits a byte, least significant first).
 * Zeros at the end are left out, so that an empty mask has no bytes; equal masks have equal bytes.
 */

/** Largest slice that runs may describe, in pixels: 65535 x 65535. */
const maxSize = 65535 * 65535;

/**
 * @param mask [row][column], 0 or anything else for 1
 * @returns the runs; exact
 */
export function encodeRuns(mask: ArrayLike<number>): Uint8Array {
  const writer = new RunWriter();
  // Most of a slice is background: it is passed by four pixels at a time where the array allows it.
  const words = mask instanceof Uint8Array && mask.byteOffset % 4 === 0 ? wordsOf(mask) : undefined;
  let at = 0;
  while (at < mask.length) {
    const start = at;
    while (at < mask.length && mask[at] === 0) {
      at++;
      if (words === undefined || at % 4 !== 0) continue;
      let word = at / 4;
      while (word < words.length && words[word] === 0) word++;
      at = 4 * word;
    }
    if (at === mask.length) break;
    writer.add(at - start);
    const first = at;
    while (at < mask.length && mask[at] !== 0) at++;
    writer.add(at - first);
  }
  return writer.finish();
}

const wordsOf = ({ buffer, byteOffset, length }: Uint8Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, Math.floor(length / 4));

/**
 * @param size rows x columns
 * @param into where to write instead of a new array: `size` zeros
 * @returns the mask [row][column], 0 or 1
 * @throws ProtocolError `mask-invalid` when the bytes are no runs, or reach beyond `size`
 */
export function decodeRuns(runs: Uint8Array, size: number, into?: Uint8Array): Uint8Array {
  if (!Number.isInteger(size) || size < 0 || size > maxSize) throw invalid(`a slice of ${size} pixels cannot be`);
  // Checked before anything is allocated for it.
  if (lengthOfRuns(runs) > size) throw invalid(`they reach beyond ${size} pixels`);
  const mask = into ?? new Uint8Array(size);
  for (const [start, end] of intervalsOfRuns(runs)) mask.fill(1, start, end);
  return mask;
}

/**
 * Start (included) and end (not included) of every stretch of ones, ascending; without a mask in memory.
 * @throws ProtocolError `mask-invalid`
 */
export function* intervalsOfRuns(runs: Uint8Array): Generator<readonly [start: number, end: number], number> {
  let at = 0;
  let position = 0;
  let ones = false;
  let first = true;
  while (at < runs.length) {
    let length = 0;
    let factor = 1;
    for (;;) {
      if (at === runs.length) throw invalid('they end within a number');
      const byte = runs[at++];
      length += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      factor *= 128;
      if (factor > 2 ** 28) throw invalid('a run is too long');
    }
    // Only a mask whose first pixel is set has a run without pixels.
    if (length === 0 && !first) throw invalid('a run has no pixels');
    first = false;
    if (ones) yield [position, position + length];
    position += length;
    if (position > maxSize) throw invalid('they are longer than any slice');
    ones = !ones;
  }
  return position;
}

/** Pixels that the runs describe, zeros at their end included. */
function lengthOfRuns(runs: Uint8Array): number {
  const intervals = intervalsOfRuns(runs);
  for (;;) {
    const next = intervals.next();
    if (next.done === true) return next.value;
  }
}

/** Pixels that are set. @throws ProtocolError `mask-invalid` */
export function countPixels(runs: Uint8Array): number {
  let count = 0;
  for (const [start, end] of intervalsOfRuns(runs)) count += end - start;
  return count;
}

class RunWriter {
  private bytes = new Uint8Array(64);
  private length = 0;

  add(run: number): void {
    if (this.length + 5 > this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    let rest = run;
    // Division, not shifts: a run may have 32 bits.
    while (rest >= 128) {
      this.bytes[this.length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.length++] = rest;
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}

function invalid(why: string): ProtocolError {
  return new ProtocolError('mask-invalid', `The runs of a mask cannot be read: ${why}.`);
}
