import { UserError } from '@medsam2/models';
import { recistPrompt } from './recist.js';
import { boxCornerLabels } from './track.js';
import type { ImageSource, ObjectPrompts, Prompt, SegmentRequest } from './types.js';

/** Everything said about one slice of one object, in the form a track takes. */
export type SlicePrompt =
  | {
      readonly slice: number;
      readonly kind: 'points';
      readonly points: [number, number][];
      readonly labels: number[];
      /** the mask that they correct */
      readonly previous?: Uint8Array;
    }
  | { readonly slice: number; readonly kind: 'mask'; readonly mask: Uint8Array };

/**
 * Every object has a label of its own: results are told apart by nothing else.
 * @throws UserError `label-repeated`
 */
export function checkLabels(objects: readonly ObjectPrompts[]): void {
  const seen = new Set<number>();
  for (const { label } of objects) {
    if (seen.has(label)) {
      throw new UserError(
        'label-repeated',
        `Two objects have the label ${label}.`,
        'Give each object a label of its own, or put all prompts of one object together.',
      );
    }
    seen.add(label);
  }
}

/**
 * Join an object's prompts slice by slice: a box comes before its points, a mask stands alone.
 *
 * @throws UserError `prompt-missing`, `slice-out-of-range`, `box-outside`, `box-empty`, `point-outside`, `mask-size`,
 * `mask-values`, `prompts-conflict`, and those of `recistPrompt`
 */
export function joinPrompts(object: ObjectPrompts, source: ImageSource, range: SliceRange): SlicePrompt[] {
  if (object.prompts.length === 0) {
    throw new UserError('prompt-missing', `Object ${object.label} has no prompt.`, 'Give it a box, points or a mask.');
  }
  const bySlice = new Map<number, Prompt[]>();
  for (const prompt of object.prompts) {
    checkSlice(prompt.slice, range);
    bySlice.set(prompt.slice, [...(bySlice.get(prompt.slice) ?? []), prompt]);
  }
  return [...bySlice].map(([slice, prompts]) => joinSlice(object.label, slice, prompts, source));
}

export interface SliceRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The slices a request covers.
 * @throws UserError `range-invalid`
 */
export function resolveRange(request: Pick<SegmentRequest, 'range'>, source: ImageSource): SliceRange {
  const { first, last } = request.range ?? { first: 0, last: source.slices - 1 };
  const whole = Number.isInteger(first) && Number.isInteger(last);
  if (!whole || first < 0 || last >= source.slices || first > last) {
    throw new UserError(
      'range-invalid',
      `The range ${first} to ${last} does not fit a volume with slices 0 to ${source.slices - 1}.`,
      'Give a first and a last slice inside the volume, the first not after the last.',
    );
  }
  return { first, last };
}

function checkSlice(slice: number, { first, last }: SliceRange): void {
  if (Number.isInteger(slice) && slice >= first && slice <= last) return;
  throw new UserError(
    'slice-out-of-range',
    `Slice ${slice} is outside the slices ${first} to ${last}.`,
    'Slices count from 0; choose one inside the volume and the range.',
  );
}

function joinSlice(label: number, slice: number, prompts: readonly Prompt[], source: ImageSource): SlicePrompt {
  const masks = prompts.filter((prompt) => prompt.kind === 'mask');
  if (masks.length > 0) {
    if (prompts.length > 1) {
      throw conflict(label, slice, 'a mask and further prompts');
    }
    const { mask } = masks[0];
    checkMask(mask, slice, source);
    return { slice, kind: 'mask', mask };
  }
  const points: [number, number][] = [];
  const labels: number[] = [];
  let boxes = 0;
  let previous: Uint8Array | undefined;
  const addBox = ([x0, y0, x1, y1]: readonly [number, number, number, number]) => {
    boxes++;
    checkBox([x0, y0, x1, y1], source);
    // The reference puts the corners before any points.
    points.unshift([x0, y0], [x1, y1]);
    labels.unshift(...boxCornerLabels);
  };
  const addPoints = (added: readonly { readonly x: number; readonly y: number; readonly label: number }[]) => {
    for (const point of added) {
      checkPoint(point.x, point.y, source);
      points.push([point.x, point.y]);
      labels.push(point.label);
    }
  };
  for (const prompt of prompts) {
    switch (prompt.kind) {
      case 'box':
        addBox(prompt.box);
        addPoints(prompt.points ?? []);
        break;
      case 'points':
        addPoints(prompt.points);
        if (prompt.previous !== undefined) checkMask(prompt.previous, slice, source);
        previous ??= prompt.previous;
        break;
      case 'recist': {
        const { rows, columns } = source;
        const derived = recistPrompt(prompt.pixels, prompt.mode, { rows, columns, shift: prompt.shift });
        if (derived.kind === 'box') addBox(derived.box);
        else addPoints(derived.points);
        break;
      }
      case 'mask':
        break;
    }
  }
  if (boxes > 1) throw conflict(label, slice, `${boxes} boxes`);
  if (points.length === 0) {
    throw new UserError(
      'prompt-missing',
      `Object ${label} has no point on slice ${slice}.`,
      'Give at least one point.',
    );
  }
  // A box says where the object is; points beside it do not correct anything older.
  return { slice, kind: 'points', points, labels, ...(boxes === 0 && previous !== undefined ? { previous } : {}) };
}

function checkMask(mask: Uint8Array, slice: number, source: ImageSource): void {
  if (mask.length !== source.rows * source.columns) {
    throw new UserError(
      'mask-size',
      `The mask on slice ${slice} has ${mask.length} pixels, the slice ${source.rows} x ${source.columns}.`,
      'Give a mask of the size of the image.',
    );
  }
  const wrong = mask.find((value) => value > 1);
  if (wrong === undefined) return;
  throw new UserError(
    'mask-values',
    `The mask on slice ${slice} contains the value ${wrong}.`,
    'Give a mask of zeros and ones, for one object.',
  );
}

function conflict(label: number, slice: number, what: string): UserError {
  return new UserError(
    'prompts-conflict',
    `Object ${label} has ${what} on slice ${slice}, which the model cannot take together.`,
    'Keep one of them, or use a second object.',
  );
}

function checkBox([x0, y0, x1, y1]: readonly number[], { rows, columns }: ImageSource): void {
  if (![x0, y0, x1, y1].every(Number.isFinite) || x0 > x1 || y0 > y1) {
    throw new UserError(
      'box-empty',
      `The box ${[x0, y0, x1, y1].join(',')} is not x0,y0,x1,y1 with x0 <= x1 and y0 <= y1.`,
      'Give the top-left corner, then the bottom-right corner, in pixels.',
    );
  }
  if (x0 < 0 || y0 < 0 || x1 > columns || y1 > rows) {
    throw new UserError(
      'box-outside',
      `The box ${[x0, y0, x1, y1].join(',')} reaches outside the image of ${columns} x ${rows} pixels.`,
      `Keep x between 0 and ${columns - 1} and y between 0 and ${rows - 1}.`,
    );
  }
}

function checkPoint(x: number, y: number, { rows, columns }: ImageSource): void {
  if (x >= -0.5 && y >= -0.5 && x <= columns - 0.5 && y <= rows - 0.5) return;
  throw new UserError(
    'point-outside',
    `The point ${x},${y} lies outside the image of ${columns} x ${rows} pixels.`,
    `Keep x between 0 and ${columns - 1} and y between 0 and ${rows - 1}.`,
  );
}
