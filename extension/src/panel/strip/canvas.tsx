import { memo, useEffect, useRef } from 'react';
import type { PromptView, Range, SliceScore, WorkState } from '../../contract/work.js';
import { usePanel } from '../context.js';
import { binCount, binScores } from './bins.js';
import { drawStrip, type StripColours } from './draw.js';

interface Shown {
  readonly scores: readonly SliceScore[] | undefined;
  readonly prompts: readonly PromptView[];
  readonly segment: number | undefined;
  readonly range: Range | undefined;
  readonly position: number | undefined;
  readonly sliceCount: number;
}

const shownOf = (state: WorkState): Shown => ({
  scores: state.activeSegment === undefined ? undefined : state.scores.get(state.activeSegment),
  prompts: state.prompts,
  segment: state.activeSegment,
  range: state.range,
  position: state.position,
  sliceCount: state.session?.sliceCount ?? 0,
});

const same = (one: Shown, other: Shown): boolean =>
  one.scores === other.scores &&
  one.prompts === other.prompts &&
  one.segment === other.segment &&
  one.range === other.range &&
  one.position === other.position &&
  one.sliceCount === other.sliceCount;

/** The picture of the strip. It follows the state without React: at most one drawing per frame, and only when it changed. */
export const StripCanvas = memo(function StripCanvas() {
  const { store } = usePanel();
  const canvas = useRef<HTMLCanvasElement>(null);

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    let drawn: Shown | undefined;
    let request: number | undefined;
    const draw = () => {
      request = undefined;
      drawn = shownOf(store.getState());
      paint(element, drawn);
    };
    const ask = () => (request ??= requestAnimationFrame(draw));
    const stop = store.subscribe(() => {
      if (drawn === undefined || !same(drawn, shownOf(store.getState()))) ask();
    });
    const sizes = new ResizeObserver(ask);
    sizes.observe(element);
    ask();
    return () => {
      stop();
      sizes.disconnect();
      if (request !== undefined) cancelAnimationFrame(request);
    };
  }, [store]);

  return <canvas ref={canvas} className="m2-strip-canvas" aria-hidden="true" />;
});

function paint(element: HTMLCanvasElement, shown: Shown): void {
  const { clientWidth: width, clientHeight: height } = element;
  const context = element.getContext('2d');
  if (context === null || width === 0 || shown.sliceCount === 0) return;
  const ratio = window.devicePixelRatio || 1;
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (element.width !== columns || element.height !== rows) {
    element.width = columns;
    element.height = rows;
  }
  context.setTransform(columns / width, 0, 0, rows / height, 0, 0);
  const bins = binScores(shown.scores ?? [], shown.sliceCount, binCount(shown.sliceCount, width));
  const promptSlices = shown.prompts
    .filter(({ segment, slice }) => segment === shown.segment && slice !== undefined)
    .map(({ slice }) => slice ?? 0);
  drawStrip(context, { ...shown, bins, promptSlices }, width, height, coloursOf(element));
}

function coloursOf(element: Element): StripColours {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(`--m2-${name}`).trim();
  return {
    sure: colour('sure'),
    doubt: colour('doubt'),
    edited: colour('edited'),
    ink: colour('text'),
    ground: colour('ground'),
  };
}
