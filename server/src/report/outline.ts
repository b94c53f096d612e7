/**
 * SVG path along the border between mask and background, in units of mask pixels: pixel (x, y) covers
 * [x, x+1] x [y, y+1]. Straight pieces are joined, so that a large mask gives a short path.
 *
 * @param mask [row][column], zero or not
 * @returns path data, empty for an empty mask
 */
export function outlinePath(mask: ArrayLike<number>, rows: number, columns: number): string {
  const inside = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < columns && y < rows && mask[y * columns + x] !== 0;
  const path: string[] = [];
  for (let y = 0; y <= rows; y++) {
    pieces(columns, (x) => inside(x, y - 1) !== inside(x, y)).forEach(([from, to]) => path.push(`M${from} ${y}H${to}`));
  }
  for (let x = 0; x <= columns; x++) {
    pieces(rows, (y) => inside(x - 1, y) !== inside(x, y)).forEach(([from, to]) => path.push(`M${x} ${from}V${to}`));
  }
  return path.join('');
}

/** Maximal stretches [from, to) of 0..length-1 where `holds`. */
function pieces(length: number, holds: (at: number) => boolean): [number, number][] {
  const found: [number, number][] = [];
  for (let at = 0; at < length; at++) {
    if (!holds(at)) continue;
    const from = at;
    while (at < length && holds(at)) at++;
    found.push([from, at]);
  }
  return found;
}
