const STATE_WORDS = 624;
const MIDDLE = 397;

/**
 * numpy's legacy global generator (`np.random.seed(n)`): MT19937 with its integer seeding, and the sampling that
 * `np.random.choice(population, size, replace=False)` does. The research scripts draw their RECIST points with it.
 */
export class NumpyRandom {
  readonly #state = new Uint32Array(STATE_WORDS);
  #position = STATE_WORDS;

  /** @param seed an integer, 0..2^32-1; the research scripts use 2024 */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) throw new RangeError(`seed ${seed} is not a uint32`);
    this.#state[0] = seed;
    for (let i = 1; i < STATE_WORDS; i++) {
      const previous = this.#state[i - 1];
      this.#state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** The next 32 random bits as an unsigned integer. */
  nextUint32(): number {
    if (this.#position === STATE_WORDS) this.#refill();
    let word = this.#state[this.#position++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> 0;
  }

  /** A uniform integer in 0..max, drawn by masking and rejection as numpy does. */
  interval(max: number): number {
    if (max === 0) return 0;
    const mask = 2 ** (32 - Math.clz32(max)) - 1;
    for (;;) {
      const value = (this.nextUint32() & mask) >>> 0;
      if (value <= max) return value;
    }
  }

  /** `np.random.choice(population, count, replace=False)`: the first `count` of a shuffled 0..population-1. */
  choice(population: number, count: number): number[] {
    if (count > population) throw new RangeError(`cannot draw ${count} of ${population} without replacement`);
    const indices = Array.from({ length: population }, (_, index) => index);
    for (let i = population - 1; i > 0; i--) {
      const j = this.interval(i);
      [indices[i], indices[j]] = [indices[j], indices[i]];
    }
    return indices.slice(0, count);
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < STATE_WORDS; i++) {
      const bits = (state[i] & 0x80000000) | (state[(i + 1) % STATE_WORDS] & 0x7fffffff);
      state[i] = state[(i + MIDDLE) % STATE_WORDS] ^ (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0);
    }
    this.#position = 0;
  }
}
