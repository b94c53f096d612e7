import { UserError } from '@medsam2/models';
import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';

/**
 * Makes an 8-bit palette PNG of object numbers, as the DAVIS data set and the research scripts have them: readers that
 * know palettes get the numbers, viewers show colours.
 *
 * @param values [row][column], 0 = background
 * @throws UserError `label-above-255`: a palette has 256 entries
 */
export async function palettePng(values: Uint8Array | Uint16Array, rows: number, columns: number): Promise<Uint8Array> {
  if (values.length !== rows * columns) throw new RangeError(`${values.length} values do not fill the picture`);
  const scanlines = new Uint8Array(rows * (columns + 1));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = values[row * columns + column];
      if (value > 255) {
        throw new UserError(
          'label-above-255',
          `Label ${value} does not fit into a PNG mask.`,
          'Use object numbers up to 255 for videos.',
        );
      }
      // The first byte of a scanline names its filter: none.
      scanlines[row * (columns + 1) + 1 + column] = value;
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, columns);
  view.setUint32(4, rows);
  header.set([8, 3, 0, 0, 0], 8); // 8 bits, palette, deflate, no filter, not interlaced
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('PLTE', davisPalette()),
    chunk('IDAT', await promisify(deflate)(scanlines)),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

/**
 * The palette of DAVIS 2017 and PASCAL VOC, [256][R, G, B]: the bits of a number are dealt to the three colours in turn,
 * highest bit of the colour first.
 */
export function davisPalette(): Uint8Array {
  const palette = new Uint8Array(256 * 3);
  for (let entry = 0; entry < 256; entry++) {
    for (let bit = 0; bit < 8; bit++) {
      if (((entry >> bit) & 1) === 0) continue;
      palette[entry * 3 + (bit % 3)] |= 128 >> Math.floor(bit / 3);
    }
  }
  return palette;
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(content.length + 12);
  bytes.writeUInt32BE(content.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(content, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, content.length + 8)), content.length + 8);
  return bytes;
}
