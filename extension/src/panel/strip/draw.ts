import type { Range } from '../../contract/work.js';
import type { Bin } from './bins.js';
import { binOf } from './bins.js';

export interface StripPicture {
  readonly sliceCount: number;
  readonly bins: readonly Bin[];
  readonly promptSlices: readonly number[];
  readonly range?: Range;
  readonly position?: number;
}

export interface StripColours {
  readonly sure: string;
  readonly doubt: string;
  readonly edited: string;
  readonly ink: string;
  readonly ground: string;
}

/** Rows of the strip, in CSS pixels from the top: marks, then bars. */
const marks = 10;

/**
 * Height says how sure the model is; doubtful columns are hatched over their whole height, so that colour is never the
 * only sign; prompts and edits are marked by shape above the bars.
 *
 * @param width in CSS pixels; the context's transform maps them to the device's
 */
export function drawStrip(
  context: CanvasRenderingContext2D,
  picture: StripPicture,
  width: number,
  height: number,
  colours: StripColours,
): void {
  const { bins, sliceCount, range, position } = picture;
  const column = width / bins.length;
  const gap = column >= 4 ? 1 : 0;
  const foot = height - 1;
  context.clearRect(0, 0, width, height);
  context.fillStyle = colours.ground;
  context.fillRect(0, marks, width, height - marks);

  for (const doubtful of [false, true]) {
    context.fillStyle = doubtful ? colours.doubt : colours.sure;
    bins.forEach((bin, index) => {
      if (bin.confidence === undefined || bin.doubtful !== doubtful) return;
      const tall = Math.max(2, bin.confidence * (foot - marks - 2));
      context.fillStyle = bin.edited && !doubtful ? colours.edited : doubtful ? colours.doubt : colours.sure;
      context.fillRect(index * column, foot - tall, column - gap, tall);
    });
  }
  hatch(context, bins, column, foot, colours);

  context.fillStyle = colours.edited;
  bins.forEach((bin, index) => {
    if (bin.edited) context.fillRect((index + 0.5) * column - 2.5, 2.5, 5, 5);
  });
  context.fillStyle = colours.ink;
  for (const slice of picture.promptSlices) {
    const x = (binOf(slice, sliceCount, bins.length) + 0.5) * column;
    context.beginPath();
    context.moveTo(x - 4, 1.5);
    context.lineTo(x + 4, 1.5);
    context.lineTo(x, 8.5);
    context.fill();
  }
  context.fillRect(0, foot, width, 1);

  if (range !== undefined) {
    context.globalAlpha = 0.72;
    context.fillStyle = colours.ground;
    const begin = (range.first / sliceCount) * width;
    const end = ((range.last + 1) / sliceCount) * width;
    context.fillRect(0, 0, begin, height);
    context.fillRect(end, 0, width - end, height);
    context.globalAlpha = 1;
  }
  if (position !== undefined) {
    const x = ((position + 0.5) / sliceCount) * width;
    context.fillStyle = colours.ground;
    context.fillRect(x - 2, 0, 4, height);
    context.fillStyle = colours.ink;
    context.fillRect(x - 1, 0, 2, height);
  }
}

/** Diagonal lines over the doubtful columns, at least 3 pixels wide: a single slice of a long series stays visible. */
function hatch(
  context: CanvasRenderingContext2D,
  bins: readonly Bin[],
  column: number,
  foot: number,
  colours: StripColours,
): void {
  if (!bins.some((bin) => bin.doubtful)) return;
  const height = foot - marks;
  context.save();
  context.beginPath();
  bins.forEach((bin, index) => {
    const wide = Math.max(column, 3);
    if (bin.doubtful) context.rect((index + 0.5) * column - wide / 2, marks, wide, height);
  });
  context.clip();
  const width = column * bins.length;
  context.globalAlpha = 0.22;
  context.fillStyle = colours.doubt;
  context.fillRect(0, marks, width, height);
  context.globalAlpha = 1;
  for (const [colour, thickness, shift] of [
    [colours.ground, 1.5, 0],
    [colours.doubt, 1.25, 2.5],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.beginPath();
    for (let x = -height; x < width; x += 5) {
      context.moveTo(x + shift, foot);
      context.lineTo(x + shift + height, marks);
    }
    context.stroke();
  }
  context.restore();
}
