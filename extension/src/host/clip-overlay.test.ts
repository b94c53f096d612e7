import { pixelToCanvas } from './clip-overlay.js';
import { testSeries } from './testing/series.js';
import type { Point2, Point3 } from './types/cornerstone.js';

test('pixels fall where the host draws them, turned, flipped and zoomed', () => {
  const clip = testSeries({ depths: [0, 0], isMultiFrame: true });
  // Turned by 90 degrees, flipped, and three canvas pixels per millimetre.
  const worldToCanvas = ([x, y]: Point3): Point2 => [200 - 3 * y, 100 - 3 * x];
  const [a, b, c, d, e, f] = pixelToCanvas({ worldToCanvas }, clip, 1);
  for (const [x, y] of [
    [0, 0],
    [7, 3],
    [119, 99],
  ]) {
    // prettier-ignore
    const [u, v] = worldToCanvas([-10 + 2 * x, -20 + 2 * y, 0]);
    expect(a * x + c * y + e).toBeCloseTo(u, 9);
    expect(b * x + d * y + f).toBeCloseTo(v, 9);
  }
});
