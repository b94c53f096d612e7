/** Repeatable numbers for tests: a linear congruential generator (Numerical Recipes), good enough for sizes and noise. */
export class TestRandom {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** 0 <= value < 1 */
  next(): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return this.state / 2 ** 32;
  }

  /** a whole number from `low` to `high`, both included */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** a whole number from `low` to `high`; each order of magnitude as likely as another */
  size(low: number, high: number): number {
    return Math.round(low * (high / low) ** this.next());
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.whole(0, 255));
  }

  /** values in -scale ... scale */
  floats(count: number, scale = 1): Float32Array {
    return Float32Array.from({ length: count }, () => scale * (2 * this.next() - 1));
  }
}
