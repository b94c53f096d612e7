import { resizeBicubic } from './resize.js';
import type { ImageSource } from './types.js';
import { boundsOf, logitsAtSource, logitsInView, roiAround, unionOf, viewImage, viewMask, viewRule } from './view.js';

const source: ImageSource = {
  slices: 1,
  rows: 20,
  columns: 30,
  channels: 1,
  image: () => Uint8Array.from({ length: 600 }, (_, i) => i % 251),
};

describe('the region of interest of a box', () => {
  test('is a square twice as wide as the larger extent, around its middle', () => {
    expect(roiAround([10, 30, 49, 39])).toEqual({ left: -10, top: -5, width: 80, height: 80 });
  });

  test('is never smaller than 24 pixels', () => {
    expect(roiAround([50, 50, 52, 52])).toMatchObject({ width: 24, height: 24 });
  });
});

describe('following an object', () => {
  const rule = viewRule('roi', { rows: 512, columns: 512 });
  const view = { left: 100, top: 200, width: 64, height: 64 };
  /** 32 x 32 cells of two pixels each; positive in the given cells */
  const logits = (x0: number, y0: number, x1: number, y1: number) =>
    Float32Array.from({ length: 1024 }, (_, i) => {
      const x = i % 32;
      const y = Math.floor(i / 32);
      return x >= x0 && x <= x1 && y >= y0 && y <= y1 ? 3 : -3;
    });

  test('the next view is centred on the mask', () => {
    // cells 12..27 = pixels 124..155 and 224..255: 32 wide, so the side stays 64
    expect(rule.next(view, logits(12, 12, 27, 27))).toEqual({ left: 108, top: 208, width: 64, height: 64 });
  });

  test('the side changes by a quarter at most', () => {
    expect(rule.next(view, logits(15, 15, 16, 16)).width).toBe(51);
    expect(rule.next(view, logits(0, 0, 31, 31)).width).toBe(80);
  });

  test('an empty mask leaves the view where it is', () => {
    expect(rule.next(view, new Float32Array(1024).fill(-1))).toEqual(view);
  });

  test('a mask at the border makes the view grow around its middle, twice at most', () => {
    const cut = logits(0, 10, 5, 12);
    expect(rule.enlarge(view, cut, 0)).toEqual({ left: 84, top: 184, width: 96, height: 96 });
    expect(rule.enlarge(view, cut, 1)).toBeDefined();
    expect(rule.enlarge(view, cut, 2)).toBeUndefined();
    expect(rule.enlarge(view, logits(1, 10, 5, 12), 0)).toBeUndefined();
  });

  test('the full view follows nothing', () => {
    const full = viewRule('full', source);
    const whole = { left: 0, top: 0, width: 30, height: 20 };
    expect(full.forPrompt([1, 2, 3, 4])).toEqual(whole);
    expect(full.next(whole, logits(0, 0, 1, 1))).toEqual(whole);
    expect(full.enlarge(whole, logits(0, 0, 31, 31), 0)).toBeUndefined();
  });
});

describe('cutting out and putting back', () => {
  test('the whole slice is resized as before', () => {
    const whole = { left: 0, top: 0, width: 30, height: 20 };
    expect(viewImage(source, 0, whole, 64)).toEqual(resizeBicubic(source.image(0), 20, 30, 1, 64, 64));
  });

  test('outside the image the model sees 0', () => {
    const view = { left: -2, top: 18, width: 4, height: 4 };
    expect([...viewImage(source, 0, view, 4)]).toEqual([
      0,
      0,
      540 % 251,
      541 % 251,
      0,
      0,
      570 % 251,
      571 % 251,
      ...new Array<number>(8).fill(0),
    ]);
  });

  test('colour images are cut pixel by pixel', () => {
    const colour: ImageSource = {
      ...source,
      channels: 3,
      image: () => Uint8Array.from({ length: 1800 }, (_, i) => (i % 3) + 3 * (Math.floor(i / 3) % 80)),
    };
    expect([...viewImage(colour, 0, { left: 28, top: 0, width: 3, height: 1 }, 1)]).toHaveLength(3);
    const cut = viewImage(colour, 0, { left: 28, top: 1, width: 2, height: 2 }, 2);
    expect([...cut.subarray(0, 6)]).toEqual([174, 175, 176, 177, 178, 179]);
  });

  test('a mask survives the way into a view and back', () => {
    const mask = new Uint8Array(600);
    for (let y = 5; y < 15; y++) mask.fill(1, y * 30 + 20, y * 30 + 29);
    const view = { left: 16, top: 0, width: 20, height: 20 };
    const cut = viewMask(mask, 20, 30, view);
    expect(boundsOf(cut, 20)).toEqual([4, 5, 12, 14]);
    const logits = Float32Array.from(cut, (value) => (value ? 5 : -5));
    const back = logitsAtSource(logits, view, 20, 30, -1024).map((value) => (value > 0 ? 1 : 0));
    expect([...back]).toEqual([...mask]);
  });

  test('pixels that a view does not contain get the given logit', () => {
    const out = logitsAtSource(new Float32Array(16).fill(7), { left: 10, top: 5, width: 8, height: 8 }, 20, 30, -9);
    expect(out.filter((value) => value === 7)).toHaveLength(64);
    expect(out[5 * 30 + 10]).toBe(7);
    expect(out[4 * 30 + 10]).toBe(-9);
  });

  test('a view that misses the image cuts out nothing', () => {
    const away = { left: 100, top: 100, width: 8, height: 8 };
    expect(viewMask(new Uint8Array(600).fill(1), 20, 30, away)).toEqual(new Uint8Array(64));
    expect(logitsAtSource(new Float32Array(16).fill(7), away, 20, 30, -9)).toEqual(new Float32Array(600).fill(-9));
  });
});

describe('two views of one slice', () => {
  const a = { left: 0, top: 0, width: 16, height: 16 };
  const b = { left: 8, top: 4, width: 16, height: 16 };

  test('their union contains both', () => {
    expect(unionOf(a, b)).toEqual({ left: 0, top: 0, width: 24, height: 20 });
    expect(unionOf(a, a)).toBe(a);
  });

  test('a ramp keeps its values in another view', () => {
    const ramp = Float32Array.from({ length: 256 }, (_, i) => i % 16);
    const moved = logitsInView(ramp, a, { left: 4, top: 4, width: 8, height: 8 }, -9);
    // Cells of half a pixel: the centre of the first lies at pixel 4 - 0.25.
    expect(moved[0]).toBeCloseTo(3.75, 5);
    expect(moved[15]).toBeCloseTo(11.25, 5);
  });

  test('outside the first view the given logit stands', () => {
    const moved = logitsInView(new Float32Array(256).fill(2), a, b, -9);
    expect(moved[0]).toBe(2);
    expect(moved[255]).toBe(-9);
  });
});
