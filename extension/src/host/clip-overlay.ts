/**
 * Masks on clips. Frames of a clip share their place in space, and Cornerstone matches labelmaps by place: it would draw
 * the masks of all frames on each. So the mask of exactly the frame that is shown is drawn over the viewport here.
 */
import { intervalsOfRuns } from '@medsam2/protocol/stream';
import type { SegmentMark } from '../contract/viewer.js';
import { worldOf } from './plane.js';
import type { MaskStore } from './labelmaps/mask-store.js';
import type { Series } from './series.js';
import type { HostViewport, Point2 } from './types/cornerstone.js';

export interface ClipMasks {
  readonly series: Series;
  readonly store: MaskStore;
  readonly segments: readonly SegmentMark[];
}

const marker = 'data-medsam2-overlay';
const opacity = 0.5;

/** Draws the masks of the frame that the viewport shows; to be called whenever the viewport was drawn. */
export function drawOverlay(viewport: HostViewport, index: number, { series, store, segments }: ClipMasks): void {
  const canvas = overlayOf(viewport.element);
  const context = canvas.getContext('2d');
  if (context === null) return;
  const { clientWidth, clientHeight } = viewport.element;
  const density = viewport.element.ownerDocument.defaultView?.devicePixelRatio ?? 1;
  canvas.width = Math.round(clientWidth * density);
  canvas.height = Math.round(clientHeight * density);

  const visible = segments.filter(({ id, visible }) => visible && store.get(id, index).length > 0);
  if (visible.length === 0) return;
  const { rows, columns } = series.planes[index];
  const image = new OffscreenCanvas(columns, rows);
  const pixels = new ImageData(columns, rows);
  for (const { id, colour } of visible) paint(pixels, store.get(id, index), colour);
  image.getContext('2d')?.putImageData(pixels, 0, 0);

  const transform = pixelToCanvas(viewport, series, index);
  context.setTransform(...scaled(transform, density));
  context.imageSmoothingEnabled = false;
  context.globalAlpha = opacity;
  // Pixels are squares around their centres.
  context.drawImage(image, -0.5, -0.5);
}

export function removeOverlay({ element }: HostViewport): void {
  element.querySelector(`[${marker}]`)?.remove();
}

type Matrix = [a: number, b: number, c: number, d: number, e: number, f: number];

/** From pixels of the image to the canvas, in CSS pixels: however it is moved, zoomed, turned and flipped. */
export function pixelToCanvas(
  viewport: Pick<HostViewport, 'worldToCanvas'>,
  { planes }: Pick<Series, 'planes'>,
  index: number,
): Matrix {
  const at = (pixel: Point2) => viewport.worldToCanvas(worldOf(planes[index], pixel));
  const [x, y] = at([0, 0]);
  const { columns, rows } = planes[index];
  // Over the whole image, so that rounding of the host's numbers does not grow.
  const [rightX, rightY] = at([columns, 0]);
  const [downX, downY] = at([0, rows]);
  return [(rightX - x) / columns, (rightY - y) / columns, (downX - x) / rows, (downY - y) / rows, x, y];
}

const scaled = (matrix: Matrix, factor: number): Matrix => {
  const [a, b, c, d, e, f] = matrix;
  return [a * factor, b * factor, c * factor, d * factor, e * factor, f * factor];
};

function paint({ data }: ImageData, runs: Uint8Array, [red, green, blue]: readonly [number, number, number]): void {
  for (const [start, end] of intervalsOfRuns(runs)) {
    for (let at = start; at < end; at++) {
      // Where segments overlap, their colours are mixed.
      const before = data[4 * at + 3] > 0 ? 0.5 : 0;
      data[4 * at] = data[4 * at] * before + red * (1 - before);
      data[4 * at + 1] = data[4 * at + 1] * before + green * (1 - before);
      data[4 * at + 2] = data[4 * at + 2] * before + blue * (1 - before);
      data[4 * at + 3] = 255;
    }
  }
}

function overlayOf(element: HTMLDivElement): HTMLCanvasElement {
  const existing = element.querySelector<HTMLCanvasElement>(`[${marker}]`);
  if (existing !== null) return existing;
  const canvas = element.ownerDocument.createElement('canvas');
  canvas.setAttribute(marker, '');
  canvas.style.cssText = 'position:absolute;inset:0;width:100%;height:100%;pointer-events:none';
  // Below the layer where prompts are drawn.
  const svg = element.querySelector('svg.svg-layer');
  if (svg === null) element.append(canvas);
  else svg.before(canvas);
  return canvas;
}
