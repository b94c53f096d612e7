import { decode } from 'fast-png';
import { runPython, testPython } from '@medsam2/models/testing';
import { davisPalette, palettePng } from './palette-png.js';

const values = Uint8Array.from({ length: 7 * 5 }, (_, at) => (at * 11) % 256);

describe('palettePng', () => {
  it('keeps the numbers, as another decoder reads them', async () => {
    const png = decode(await palettePng(values, 5, 7), { checkCrc: true });
    expect([png.width, png.height, png.depth, png.channels]).toEqual([7, 5, 8, 1]);
    expect(Uint8Array.from(png.data)).toEqual(values);
    expect(png.palette?.flat()).toEqual([...davisPalette()]);
  });

  it('has the colours of the data set', () => {
    const palette = davisPalette();
    const colour = (entry: number) => [...palette.subarray(entry * 3, entry * 3 + 3)];
    expect([0, 1, 2, 3, 8, 22, 64, 255].map(colour)).toEqual([
      [0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [64, 0, 0], [0, 192, 128], [32, 0, 0], [224, 224, 192],
    ]); // prettier-ignore
  });

  it('refuses numbers that a palette cannot hold', async () => {
    await expect(palettePng(Uint16Array.of(1, 256), 1, 2)).rejects.toMatchObject({ code: 'label-above-255' });
  });

  const python = testPython();
  (python === undefined ? it.skip : it)('is read by Pillow as palette indices', async () => {
    const script =
      'import sys, io, numpy as np; from PIL import Image\n' +
      'im = Image.open(io.BytesIO(sys.stdin.buffer.read())); print(im.mode, np.array(im).ravel().tolist())';
    const printed = runPython(python ?? '', script, await palettePng(values, 5, 7));
    expect(printed.trim()).toBe(`P [${[...values].join(', ')}]`);
  });
});
