/** Whether colours of segments can be told from one another. */

export type Colour = readonly [red: number, green: number, blue: number];

/**
 * How different two colours look, after "Colour metric" (T. Riemersma): close to perceptual distances at a fraction of
 * their cost.
 *
 * @param one sRGB, 0..255
 * @param other likewise
 * @returns 0: the same; black and white: about 765
 */
export function colourDistance(one: Colour, other: Colour): number {
  const [red, green, blue] = one.map((value, channel) => value - other[channel]);
  const mean = (one[0] + other[0]) / 2;
  return Math.sqrt((2 + mean / 256) * red ** 2 + 4 * green ** 2 + (2 + (255 - mean) / 256) * blue ** 2);
}

/** Below this, segments side by side are mixed up once they lie half transparent over grey. */
const tooClose = 100;

/** Whether a colour can be told from all of the others. */
export function standsOut(colour: Colour, others: Iterable<Colour>): boolean {
  for (const other of others) if (colourDistance(colour, other) < tooClose) return false;
  return true;
}
