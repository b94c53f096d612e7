import { statistics } from '../summary.js';
import type { Method, StructureResult } from './evaluate-model.js';

/** Medians and shares over a set of structures. NaN where there is nothing to count. */
export interface Figures {
  readonly structures: number;
  readonly keyDice: number;
  readonly dice: number;
  readonly nsd: number;
  /** share of structures with nothing on the prompted slice */
  readonly keyEmpty: number;
  /** share of structures of which every end with room beyond it was met within `endTolerance` slices */
  readonly stops: number;
  /** the same, counted per end */
  readonly endsMet: number;
  readonly tooFar: number;
  readonly tooEarly: number;
  readonly ends: number;
}

/** slices */
export const endTolerance = 2;

export function figuresOf(results: readonly StructureResult[], method: Method): Figures {
  const scores = results.map((result) => result.scores[method]);
  const ends = scores.flatMap((score) => score.ends);
  const met = ({ overshoot }: { readonly overshoot: number }): boolean => Math.abs(overshoot) <= endTolerance;
  const withEnds = scores.filter((score) => score.ends.length > 0);
  return {
    structures: results.length,
    keyDice: statistics(scores.map(({ keyDice }) => keyDice)).median,
    dice: statistics(scores.map(({ dice }) => dice)).median,
    nsd: statistics(scores.map(({ nsd }) => nsd)).median,
    keyEmpty: share(scores, ({ keyEmpty }) => keyEmpty),
    stops: share(withEnds, (score) => score.ends.every(met)),
    endsMet: share(ends, met),
    tooFar: share(ends, ({ overshoot }) => overshoot > endTolerance),
    tooEarly: share(ends, ({ overshoot }) => overshoot < -endTolerance),
    ends: ends.length,
  };
}

/** What a model should reach. */
export interface Bar {
  readonly what: string;
  readonly wanted: string;
  readonly reached: string;
  /** undefined: not measured */
  readonly passed: boolean | undefined;
}

export interface Speed {
  readonly loadSeconds: number;
  /** one object through a whole volume, both ways */
  readonly slicesPerSecond: number;
  /** `medsam2 segment` as a process of its own, from start to the written mask */
  readonly segmentSeconds: number;
  readonly segmentSlices: number;
}

/** The results by where the images come from: generated scenes, phantoms with exact labels, and real images. */
export interface ResultGroups {
  readonly scenes: readonly StructureResult[];
  readonly phantoms: readonly StructureResult[];
  readonly real: readonly StructureResult[];
}

/** The bars of the nano model. Real structures count where they are one piece on the prompted slice. */
export function checkBars({ scenes, phantoms, real }: ResultGroups, speed: Speed | undefined): Bar[] {
  const generated = figuresOf(scenes, 'model');
  const connected = real.filter((result) => result.connected);
  const [model, ellipse, threshold] = (['model', 'ellipse', 'threshold'] as const).map((m) => figuresOf(connected, m));
  const all = figuresOf([...scenes, ...phantoms, ...real], 'model');
  const atLeast = (what: string, value: number | undefined, least: number, text = number): Bar => ({
    what,
    wanted: `≥ ${text(least)}`,
    reached: value === undefined || Number.isNaN(value) ? 'not measured' : text(value),
    passed: value === undefined || Number.isNaN(value) ? undefined : value >= least,
  });
  const below = (what: string, value: number | undefined, limit: number, text: (value: number) => string): Bar => ({
    ...atLeast(what, value, limit, text),
    wanted: `< ${text(limit)}`,
    passed: value === undefined || Number.isNaN(value) ? undefined : value < limit,
  });
  const seconds = (value: number): string => `${value.toFixed(2)} s`;
  const perSecond = (value: number): string => `${value.toFixed(1)} slices/s`;
  return [
    atLeast('held-out scenes: median Dice on the prompted slice', generated.keyDice, 0.9),
    atLeast('held-out scenes: median volume Dice', generated.dice, 0.85),
    atLeast('real, one piece on the prompted slice: median Dice there', model.keyDice, 0.85),
    atLeast('real, one piece on the prompted slice: median volume Dice', model.dice, 0.7),
    atLeast('the same above the ellipse', model.dice - ellipse.dice, 0.1),
    atLeast('the same above the threshold', model.dice - threshold.dice, 0.1),
    below('all: nothing found on the prompted slice', all.keyEmpty, 0.01, percent),
    atLeast(`held-out scenes: every end met within ${endTolerance} slices`, generated.stops, 0.8, percent),
    atLeast('one object through a volume', speed?.slicesPerSecond, 15, perSecond),
    below('loading the model', speed?.loadSeconds, 1, seconds),
    below(`medsam2 segment of ${speed?.segmentSlices ?? 100} slices`, speed?.segmentSeconds, 15, seconds),
  ];
}

export const number = (value: number): string => (Number.isNaN(value) ? '-' : value.toFixed(3));
export const percent = (value: number): string => (Number.isNaN(value) ? '-' : `${(100 * value).toFixed(1)} %`);

function share<T>(items: readonly T[], holds: (item: T) => boolean): number {
  return items.filter(holds).length / items.length;
}
