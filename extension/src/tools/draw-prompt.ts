import type { Point2 } from '../host/types/cornerstone.js';
import type { Drawing, SvgDrawingHelper } from '../host/types/tools.js';
import type { PromptLook } from './prompt-annotation.js';

export interface PromptPicture {
  readonly uid: string;
  /** on the canvas */
  readonly points: readonly Point2[];
  /** on the canvas; of a prompt of points: undefined */
  readonly outline?: readonly Point2[];
  readonly isClosed: boolean;
  readonly handles: readonly Point2[];
  readonly isEmphasised: boolean;
  readonly look: PromptLook;
}

const dashed = '6,4';
const dotted = '2,5';
const shade = 'rgb(0, 0, 0)';
const pointRadius = 6;

/**
 * Draws a prompt into a viewport's SVG layer: in the segment's colour over a dark rim, so that it is seen on bright and
 * dark images. What does not belong to the object is dotted on black, or a black disc with a minus.
 */
export function drawPrompt(drawing: Drawing, helper: SvgDrawingHelper, picture: PromptPicture): void {
  const { uid, points, outline, isClosed, handles, isEmphasised, look } = picture;
  const color = `rgb(${look.colour.join(', ')})`;
  const width = isEmphasised ? 3 : 2;
  if (outline === undefined) {
    points.forEach((point, index) => drawPoint(drawing, helper, picture, point, index, color, width));
    return;
  }
  const isNegative = look.labels[0] === 0;
  const lineDash = look.pending ? dashed : isNegative ? dotted : undefined;
  drawing.drawPolyline(helper, uid, 'rim', outline, {
    color: shade,
    lineWidth: isNegative ? width + 5 : width + 2,
    closePath: isClosed,
  });
  drawing.drawPolyline(helper, uid, 'line', outline, { color, lineWidth: width, lineDash, closePath: isClosed });
  handles.forEach((handle, index) => {
    drawing.drawCircle(helper, uid, `handle-${index}`, handle, 4, { color, fill: shade, lineWidth: 2 });
  });
}

function drawPoint(
  drawing: Drawing,
  helper: SvgDrawingHelper,
  { uid, look }: PromptPicture,
  [x, y]: Point2,
  index: number,
  color: string,
  width: number,
): void {
  const isNegative = look.labels[index] === 0;
  const lineDash = look.pending ? '3,2' : undefined;
  const ink = isNegative ? color : shade;
  drawing.drawCircle(helper, uid, `rim-${index}`, [x, y], pointRadius + 2, { color: shade, lineWidth: 2 });
  drawing.drawCircle(helper, uid, `disc-${index}`, [x, y], pointRadius, {
    color: isNegative ? color : 'rgb(255, 255, 255)',
    fill: isNegative ? shade : color,
    lineWidth: width,
    lineDash,
  });
  const arm = pointRadius - 3;
  drawing.drawPolyline(helper, uid, `across-${index}`, [[x - arm, y], [x + arm, y]], { color: ink, lineWidth: 2 }); // prettier-ignore
  if (isNegative) return;
  drawing.drawPolyline(helper, uid, `up-${index}`, [[x, y - arm], [x, y + arm]], { color: ink, lineWidth: 2 }); // prettier-ignore
}
