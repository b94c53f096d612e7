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

  const isDoubtful = ({ doubtful }: Bin) => doubtful;
  clipped(context, bins, isDoubtful, column, foot, () => {
    lines(context, { colour: colours.doubt, thickness: 1, shift: 0 }, width, foot);
    context.fillStyle = colours.doubt;
    context.fillRect(0, marks, width, 2);
  });
  bins.forEach((bin, index) => {
    if (bin.confidence === undefined) return;
    const tall = Math.max(2, bin.confidence * (foot - marks - 2));
    context.fillStyle = bin.doubtful ? colours.doubt : bin.edited ? colours.edited : colours.sure;
    const wide = bin.doubtful ? Math.max(column - gap, 2) : column - gap;
    context.fillRect(index * column, foot - tall, wide, tall);
  });
  clipped(context, bins, isDoubtful, column, foot, () => {
    lines(context, { colour: colours.ground, thickness: 1.5, shift: 3 }, width, foot);
  });

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

/** Draws only within columns of a kind, each at least 3 pixels wide: one slice of a long series stays visible. */
function clipped(
  context: CanvasRenderingContext2D,
  bins: readonly Bin[],
  isMeant: (bin: Bin) => boolean,
  column: number,
  foot: number,
  draw: () => void,
): void {
  if (!bins.some(isMeant)) return;
  const wide = Math.max(column, 3);
  context.save();
  context.beginPath();
  bins.forEach((bin, index) => {
    if (isMeant(bin)) context.rect((index + 0.5) * column - wide / 2, marks, wide, foot - marks);
  });
  context.clip();
  draw();
  context.restore();
}

/** Diagonal lines over the whole strip. */
function lines(
  context: CanvasRenderingContext2D,
  line: { readonly colour: string; readonly thickness: number; readonly shift: number },
  width: number,
  foot: number,
): void {
  const tall = foot - marks;
  context.strokeStyle = line.colour;
  context.lineWidth = line.thickness;
  context.beginPath();
  for (let x = -tall; x < width; x += 6) {
    context.moveTo(x + line.shift, foot);
    context.lineTo(x + line.shift + tall, marks);
  }
  context.stroke();
}
