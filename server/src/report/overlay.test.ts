import sharp from 'sharp';
import { wrapText, textWidth } from './caption.js';
import { renderContactSheet } from './contact-sheet.js';
import { outlinePath } from './outline.js';
import { labelColour, overlayScale, renderOverlay, type Overlay } from './overlay.js';

const rows = 60;
const columns = 90;
const gradient = Uint8Array.from({ length: rows * columns }, (_, at) => (at * 7) % 251);
const square = Uint8Array.from({ length: rows * columns }, (_, at) => {
  const [x, y] = [at % columns, Math.floor(at / columns)];
  return x >= 20 && x < 40 && y >= 10 && y < 30 ? 1 : 0;
});
const plain: Overlay = { image: gradient, rows, columns, channels: 1, masks: [], prompts: [], caption: 'slice 3 of 9' };

interface Picture {
  readonly width: number;
  readonly height: number;
  at(x: number, y: number): [number, number, number];
}

async function decode(png: Buffer): Promise<Picture> {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number): [number, number, number] => {
    const offset = (y * info.width + x) * info.channels;
    return [data[offset], data[offset + 1], data[offset + 2]];
  };
  return { width: info.width, height: info.height, at };
}

const distance = (pixel: readonly number[], hex: string): number =>
  Math.max(...pixel.map((value, at) => Math.abs(value - parseInt(hex.slice(1 + 2 * at, 3 + 2 * at), 16))));

describe('renderOverlay', () => {
  it('enlarges by a whole factor and shows every image pixel unchanged', async () => {
    const picture = await decode(await renderOverlay(plain));
    const scale = overlayScale(rows, columns);
    expect(scale).toBe(6);
    expect(picture.width).toBe(columns * scale);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const value = gradient[y * columns + x];
        for (const [dx, dy] of [
          [0, 0],
          [scale - 1, scale - 1],
        ]) {
          expect(picture.at(x * scale + dx, y * scale + dy)).toEqual([value, value, value]);
        }
      }
    }
  });

  it('does not enlarge what is large enough, and keeps colours', async () => {
    const image = new Uint8Array(520 * 530 * 3).map((_, at) => [10, 120, 240][at % 3]);
    const picture = await decode(await renderOverlay({ ...plain, image, rows: 520, columns: 530, channels: 3 }));
    expect(picture.width).toBe(530);
    expect(picture.at(200, 300)).toEqual([10, 120, 240]);
  });

  it('draws the outline on the border of the mask, in the colour of its label', async () => {
    const picture = await decode(await renderOverlay({ ...plain, masks: [{ label: 2, mask: square }] }));
    expect(distance(picture.at(20 * 6, 20 * 6), labelColour(2))).toBeLessThan(60);
    expect(distance(picture.at(30 * 6, 30 * 6), labelColour(2))).toBeLessThan(60);
    const inside = gradient[20 * columns + 30];
    expect(picture.at(30 * 6 + 3, 20 * 6 + 3)).toEqual([inside, inside, inside]);
  });

  it('draws a box through the centres of its corner pixels', async () => {
    const prompt = { kind: 'box', slice: 2, box: [50, 10, 80, 40] } as const;
    const black = { ...plain, image: new Uint8Array(rows * columns) };
    const picture = await decode(await renderOverlay({ ...black, prompts: [{ label: 1, prompt }] }));
    const top = Array.from({ length: 30 * 6 }, (_, at) => picture.at(50 * 6 + 3 + at, 10 * 6 + 3)[2]);
    expect(Math.max(...top)).toBeGreaterThan(150);
    expect(picture.at(65 * 6, 25 * 6)).toEqual([0, 0, 0]);
    expect(picture.at(45 * 6, 25 * 6)).toEqual([0, 0, 0]);
  });

  it.each(['points', 'mask', 'recist'] as const)('draws a %s prompt', async (kind) => {
    const prompt = {
      points: {
        kind,
        slice: 0,
        points: [
          { x: 30, y: 20, label: 1 },
          { x: 70, y: 50, label: 0 },
        ],
      },
      mask: { kind, slice: 0, mask: square },
      recist: {
        kind,
        slice: 0,
        mode: 'box',
        pixels: [
          { x: 30, y: 20 },
          { x: 31, y: 21 },
        ],
      },
    }[kind] as Overlay['prompts'][number]['prompt'];
    const without = await renderOverlay(plain);
    expect(await renderOverlay({ ...plain, prompts: [{ label: 1, prompt }] })).not.toEqual(without);
  });

  it('writes the caption below the picture, with one line per object', async () => {
    const picture = await decode(
      await renderOverlay({ ...plain, masks: [{ label: 3, mask: square, text: 'lesion  IoU 0.93  presence 7.2' }] }),
    );
    let ink = 0;
    let swatch = 0;
    for (let y = rows * 6; y < picture.height; y++) {
      for (let x = 0; x < picture.width; x++) {
        if (Math.min(...picture.at(x, y)) > 200) ink++;
        if (distance(picture.at(x, y), labelColour(3)) < 3) swatch++;
      }
    }
    expect(ink).toBeGreaterThan(300);
    expect(swatch).toBeGreaterThan(80);
  });

  it('keeps markup in a caption as text', async () => {
    await expect(renderOverlay({ ...plain, caption: '</svg><script> & "quotes" ü 肝' })).resolves.toBeInstanceOf(
      Buffer,
    );
  });

  it('refuses arrays that do not have the stated size', async () => {
    await expect(renderOverlay({ ...plain, rows: 61 })).rejects.toThrow(RangeError);
    await expect(renderOverlay({ ...plain, masks: [{ label: 1, mask: new Uint8Array(3) }] })).rejects.toThrow(
      RangeError,
    );
  });
});

describe('renderContactSheet', () => {
  it('puts rows of pictures below their titles, none wider than a tile', async () => {
    const png = await renderOverlay(plain);
    const sheet = await decode(
      await renderContactSheet(
        [
          { title: 'Worst', pictures: [png, png, png] },
          { title: 'Best', pictures: [png] },
        ],
        200,
      ),
    );
    expect(sheet.width).toBe(3 * 208 + 8);
    expect(sheet.height).toBeGreaterThan(300);
  });

  it('makes a sheet of nothing', async () => {
    await expect(renderContactSheet([])).resolves.toBeInstanceOf(Buffer);
  });
});

describe('wrapText', () => {
  it('breaks at spaces and within overlong words, and keeps every character', () => {
    const width = textWidth('0'.repeat(10), 14) + 0.5;
    expect(wrapText('slice 12 of 30 averyverylongword x', width, 14)).toEqual([
      'slice 12',
      'of 30',
      'averyveryl',
      'ongword x',
    ]);
  });
});

describe('outlinePath', () => {
  it('joins straight pieces and follows a hole', () => {
    const ring = Uint8Array.of(1, 1, 1, 1, 0, 1, 1, 1, 1);
    expect(outlinePath(ring, 3, 3)).toBe('M0 0H3M1 1H2M1 2H2M0 3H3M0 0V3M1 1V2M2 1V2M3 0V3');
    expect(outlinePath(new Uint8Array(9), 3, 3)).toBe('');
  });
});
