/** Sums over measurements. */
import { cpus, loadavg } from 'node:os';

/** The value below which that share of the numbers lies. @param share 0 to 1 */
export function quantile(numbers: readonly number[], share: number): number {
  if (numbers.length === 0) return Number.NaN;
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export const median = (numbers: readonly number[]): number => quantile(numbers, 0.5);

/** Slope of a line through points, of which up to a quarter may be outliers (Theil and Sen). @returns y per x */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes: number[] = [];
  points.forEach(([x0, y0], at) => {
    for (const [x1, y1] of points.slice(at + 1)) if (x1 !== x0) slopes.push((y1 - y0) / (x1 - x0));
  });
  return slopes.length === 0 ? 0 : median(slopes);
}

/** What else the machine had to do, in words. */
export function machine(): string {
  const [one, five] = loadavg();
  const cores = cpus().length;
  // the bench itself keeps a browser, a server and a PACS busy
  const quiet = one <= 1.5 * cores ? '' : '; NOT QUIET: other programs compete, so times are too long';
  return `load ${one.toFixed(1)} (1 min), ${five.toFixed(1)} (5 min) on ${cores} cores${quiet}`;
}
