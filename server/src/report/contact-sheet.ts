import sharp, { type OverlayOptions } from 'sharp';
import { lineHeight, textPath, textWidth } from './caption.js';

const MARGIN = 8;

/** One row of a contact sheet, e.g. the worst, the median or the best cases. */
export interface ContactRow {
  readonly title: string;
  /** PNG pictures, as `renderOverlay` makes them */
  readonly pictures: readonly Buffer[];
}

/**
 * Puts pictures side by side under titles, each scaled to fit a tile (smaller pictures are not enlarged).
 *
 * @param tile width and height of a tile in pixels
 */
export async function renderContactSheet(rows: readonly ContactRow[], tile = 480): Promise<Buffer> {
  const titleSize = 18;
  const titleHeight = lineHeight(titleSize) + MARGIN;
  const widest = Math.max(1, ...rows.map(({ pictures }) => pictures.length));
  const titleWidth = Math.max(0, ...rows.map(({ title }) => textWidth(title, titleSize)));
  const width = Math.ceil(Math.max(widest * (tile + MARGIN) + MARGIN, titleWidth + 2 * MARGIN));

  const layers: OverlayOptions[] = [];
  const titles: string[] = [];
  let top = 0;
  for (const { title, pictures } of rows) {
    titles.push(textPath(title, MARGIN, top + titleHeight - MARGIN, titleSize));
    const scaled = await Promise.all(
      pictures.map((picture) =>
        sharp(picture)
          .resize(tile, tile, { fit: 'inside', withoutEnlargement: true })
          .png()
          .toBuffer({ resolveWithObject: true }),
      ),
    );
    scaled.forEach(({ data }, at) => {
      layers.push({ input: data, left: MARGIN + at * (tile + MARGIN), top: top + titleHeight });
    });
    top += titleHeight + Math.max(0, ...scaled.map(({ info }) => info.height)) + MARGIN;
  }
  const height = Math.max(1, top);
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><path d="${titles.join('')}" fill="#f4f4f4"/></svg>`;
  return sharp({ create: { width, height, channels: 3, background: '#2a2f36' } })
    .composite([...layers, { input: Buffer.from(text), left: 0, top: 0 }])
    .png()
    .toBuffer();
}
