import sharp from 'sharp';
import type { Prompt } from '../engine/types.js';
import { lineHeight, textPath, wrapText } from './caption.js';
import { outlinePath } from './outline.js';

/** One object on the picture. */
export interface OverlayMask {
  readonly label: number;
  /** [row][column], zero or not */
  readonly mask: Uint8Array;
  /** shown below the picture beside the object's colour, e.g. `liver lesion  IoU 0.93  presence 7.2` */
  readonly text?: string;
}

export interface OverlayPrompt {
  readonly label: number;
  readonly prompt: Prompt;
}

export interface Overlay {
  /** 0..255 display intensities, [row][column] or [row][column][channel] */
  readonly image: Uint8Array;
  readonly rows: number;
  readonly columns: number;
  readonly channels: 1 | 3;
  readonly masks: readonly OverlayMask[];
  /** prompts given on this slice */
  readonly prompts: readonly OverlayPrompt[];
  /** first line below the picture, e.g. `slice 12 of 30` */
  readonly caption: string;
}

/** Okabe & Ito's colours that stand out on grey: told apart with any kind of colour vision. */
const COLOURS = ['#56b4e9', '#e69f00', '#009e73', '#f0e442', '#d55e00', '#cc79a7'] as const;
/** What the user drew and no object owns by colour. */
const DRAWN_COLOUR = '#ffffff';
const READABLE_PIXELS = 512;
/** narrow images get a canvas this wide, for the caption's sake */
const LEAST_WIDTH = 384;
const FONT_SIZE = 14;
const MARGIN = 8;
const SWATCH = 11;

/** The colour of a label (1..), repeating after six. */
export const labelColour = (label: number): string => COLOURS[Math.abs(label - 1) % COLOURS.length];

/** How many picture pixels show one image pixel: the least whole number that makes the longer side readable. */
export const overlayScale = (rows: number, columns: number): number =>
  Math.max(1, Math.ceil(READABLE_PIXELS / Math.max(rows, columns)));

/**
 * Draws a slice with the outlines of its objects and the prompts, and a caption below: a PNG for people to look at.
 * Outlines run along pixel borders. Small images are enlarged by a whole factor without interpolation; the caption
 * then says so.
 *
 * @throws RangeError when an array does not have the stated size
 */
export async function renderOverlay(overlay: Overlay): Promise<Buffer> {
  const { image, rows, columns, channels, masks, prompts, caption } = overlay;
  requireLength('image', image, rows * columns * channels);
  for (const { mask } of masks) requireLength('mask', mask, rows * columns);

  const scale = overlayScale(rows, columns);
  const width = Math.max(columns * scale, LEAST_WIDTH);
  const height = rows * scale;
  const lines = captionLines(overlay, scale > 1 ? `${caption}  (enlarged ×${scale})` : caption, width - 2 * MARGIN);
  const captionHeight = lines.length * lineHeight(FONT_SIZE) + MARGIN;
  const stroke = Math.max(1.5, Math.max(rows, columns) * scale * 0.003);

  const objects = masks.map(({ label, mask }) => {
    const path = `<path d="${outlinePath(mask, rows, columns)}"/>`;
    return drawn(path, labelColour(label), stroke, scale);
  });
  const marks = prompts.map(({ label, prompt }) => drawnPrompt(prompt, labelColour(label), stroke, scale, overlay));
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + captionHeight}">
<svg width="${columns * scale}" height="${height}">${objects.join('')}${marks.join('')}</svg>
${lines.map((line, at) => drawnLine(line, height + lineHeight(FONT_SIZE) * (at + 1))).join('')}</svg>`;

  const picture = sharp({
    create: { width, height: height + captionHeight, channels: 3, background: '#15181c' },
  });
  const enlarged = await sharp(image, { raw: { width: columns, height: rows, channels } })
    .resize(columns * scale, height, { kernel: 'nearest', fit: 'fill' })
    .toColourspace('srgb')
    .png({ compressionLevel: 0 })
    .toBuffer();
  return picture
    .composite([
      { input: enlarged, left: 0, top: 0 },
      { input: Buffer.from(drawing), left: 0, top: 0 },
    ])
    .png()
    .toBuffer();
}

interface CaptionLine {
  readonly text: string;
  readonly swatch?: string;
  readonly indent: number;
}

function captionLines({ masks }: Overlay, caption: string, width: number): CaptionLine[] {
  const indent = SWATCH + MARGIN;
  const first = wrapText(caption, width, FONT_SIZE).map((text) => ({ text, indent: 0 }));
  const objects = masks.flatMap(({ label, text }) =>
    wrapText(text === undefined ? `label ${label}` : text, width - indent, FONT_SIZE).map((line, at) => ({
      text: line,
      indent,
      swatch: at === 0 ? labelColour(label) : undefined,
    })),
  );
  return [...first, ...objects];
}

function drawnLine({ text, swatch, indent }: CaptionLine, baseline: number): string {
  const square = swatch
    ? `<rect x="${MARGIN}" y="${baseline - SWATCH + 1}" width="${SWATCH}" height="${SWATCH}" fill="${swatch}"/>`
    : '';
  return `${square}<path d="${textPath(text, MARGIN + indent, baseline, FONT_SIZE)}" fill="#f4f4f4"/>`;
}

/** A shape in image pixels, stroked in a colour over a dark rim that keeps it visible on bright tissue. */
function drawn(shape: string, colour: string, stroke: number, scale: number, dashes = ''): string {
  const lines = `fill="none" stroke-linecap="square" stroke-linejoin="miter" transform="scale(${scale})"`;
  return (
    `<g ${lines} stroke="#000" stroke-opacity="0.55" stroke-width="${(stroke * 2.2) / scale}">${shape}</g>` +
    `<g ${lines} stroke="${colour}" stroke-width="${stroke / scale}" ${dashes}>${shape}</g>`
  );
}

function drawnPrompt(prompt: Prompt, colour: string, stroke: number, scale: number, size: Overlay): string {
  const dash = `stroke-dasharray="${(stroke * 4) / scale} ${(stroke * 3) / scale}"`;
  // Prompt coordinates have their whole numbers at pixel centres, the drawing at pixel corners.
  const centre = (value: number): number => value + 0.5;
  switch (prompt.kind) {
    case 'box': {
      const [x0, y0, x1, y1] = prompt.box;
      const box = `<rect x="${centre(x0)}" y="${centre(y0)}" width="${x1 - x0}" height="${y1 - y0}"/>`;
      const points = (prompt.points ?? []).map((point) => drawnPoint(point, stroke, scale));
      return drawn(box, colour, stroke, scale, dash) + points.join('');
    }
    case 'points':
      return prompt.points.map((point) => drawnPoint(point, stroke, scale)).join('');
    case 'mask':
      return drawn(`<path d="${outlinePath(prompt.mask, size.rows, size.columns)}"/>`, DRAWN_COLOUR, stroke / 2, scale);
    case 'recist': {
      // Dots, not a line: row-major order need not follow the line from end to end.
      const dots = (radius: number, colour: string): string =>
        prompt.pixels
          .map(
            ({ x, y }) =>
              `<circle cx="${centre(x) * scale}" cy="${centre(y) * scale}" r="${radius}" fill="${colour}"/>`,
          )
          .join('');
      return dots(stroke * 1.5, '#000') + dots(stroke, DRAWN_COLOUR);
    }
  }
}

/** A disc that says by its sign, not by its colour alone, whether the point belongs to the object. */
function drawnPoint({ x, y, label }: { x: number; y: number; label: 0 | 1 }, stroke: number, scale: number): string {
  const [cx, cy] = [(x + 0.5) * scale, (y + 0.5) * scale];
  const radius = stroke * 4;
  const arm = radius * 0.55;
  const sign = `M${cx - arm} ${cy}h${2 * arm}` + (label === 1 ? `M${cx} ${cy - arm}v${2 * arm}` : '');
  const [disc, ink] = label === 1 ? ['#ffffff', '#000000'] : ['#000000', '#ffffff'];
  return (
    `<circle cx="${cx}" cy="${cy}" r="${radius}" fill="${disc}" stroke="${ink}" stroke-width="${stroke * 0.8}"/>` +
    `<path d="${sign}" stroke="${ink}" stroke-width="${stroke * 1.2}" fill="none"/>`
  );
}

function requireLength(what: string, array: Uint8Array, expected: number): void {
  if (array.length !== expected) throw new RangeError(`${what} has ${array.length} values, ${expected} expected`);
}
