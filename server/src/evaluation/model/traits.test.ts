import type { ImageSource } from '../../engine/types.js';
import { findStructures } from './structures.js';
import { traitsOf } from './traits.js';

const [rows, columns, slices] = [30, 40, 3];

/** A rectangle x0..x1, y0..y1 of a grey value on 100, on every slice. */
function rectangle(x0: number, x1: number, y0: number, y1: number, value: number) {
  const labels = new Uint8Array(slices * rows * columns);
  const images = new Uint8Array(labels.length).fill(100);
  for (let row = 0; row < slices * rows; row++) {
    if (row % rows < y0 || row % rows > y1) continue;
    labels.fill(1, row * columns + x0, row * columns + x1 + 1);
    images.fill(value, row * columns + x0, row * columns + x1 + 1);
  }
  const image = (slice: number): Uint8Array => images.subarray(slice * rows * columns, (slice + 1) * rows * columns);
  const source: ImageSource = { slices, rows, columns, channels: 1, image };
  return traitsOf(source, findStructures(labels, new Map(), source)[0]);
}

describe('traitsOf', () => {
  it('measures contrast against the surroundings, bright or dark', () => {
    expect(rectangle(10, 19, 10, 19, 160).contrast).toBeCloseTo(60, 12);
    expect(rectangle(10, 19, 10, 19, 40).contrast).toBeCloseTo(60, 12);
    expect(rectangle(10, 19, 10, 19, 100)).toMatchObject({ contrast: 0, contrastToNoise: 0 });
  });

  it('measures thickness as the width of a band', () => {
    expect(rectangle(10, 19, 10, 19, 160).thickness).toBeCloseTo(5, 12);
    // 36 x 2: twice 72 pixels over a border of 76
    expect(rectangle(2, 37, 10, 11, 160).thickness).toBeCloseTo(144 / 76, 12);
  });

  it('works where the structure touches the border of the image', () => {
    const traits = rectangle(0, 39, 0, 9, 160);
    expect(traits.contrast).toBeCloseTo(60, 12);
    expect(traits.thickness).toBeCloseTo(8, 12);
  });
});
