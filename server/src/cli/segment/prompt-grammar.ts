import { box as boxField, numbers, points as pointsField, wholeNumber } from '../../datasets/fields.js';
import type { Point } from '../../engine/types.js';
import type { z } from 'zod';
import { UsageError } from '../exit.js';
import type { ObjectSpec, PromptSpec } from './prompt-spec.js';

/** The options whose order matters, as they stand on the command line. */
export type PromptOption = 'object' | 'slice' | 'box' | 'points' | 'mask' | 'mask-value' | 'recist';
export interface PromptToken {
  readonly option: PromptOption;
  readonly value: string;
}

type Part =
  | { readonly kind: 'slice'; readonly slice: number }
  | { readonly kind: 'prompt'; readonly prompt: Unplaced; readonly text: string };
type WithoutSlice<Spec> = Spec extends unknown ? Omit<Spec, 'slice'> : never;
type Unplaced = WithoutSlice<PromptSpec>;

interface Group {
  readonly label: number;
  name?: string;
  readonly parts: Part[];
}

/**
 * Turns prompt options into objects.
 *
 * - `--object LABEL[=NAME]` begins an object; prompts before the first one belong to object 1. Naming a label again adds
 *   to it.
 * - One `--slice` in the whole command holds for every prompt. Otherwise each object has its own: written first, a slice
 *   holds for the prompts after it, up to the next one; written after its prompts, for those before it. A slice before the
 *   first `--object` that no prompt belongs to holds for objects without a slice.
 * - `--points` after a `--box` on the same slice refine the box.
 *
 * @throws UsageError for values that cannot be read and prompts without a slice
 */
export function parsePrompts(tokens: readonly PromptToken[]): ObjectSpec[] {
  const groups = groupTokens(tokens);
  const slices = tokens.filter(({ option }) => option === 'slice');
  const only = slices.length === 1 ? value(wholeNumber('A slice', 0), '--slice', slices[0].value) : undefined;
  const leading = groups.find(({ label }) => label === 0);
  const common = only ?? leading?.parts.flatMap((part) => (part.kind === 'slice' ? [part.slice] : [])).at(-1);
  return groups
    .filter(({ label }) => label !== 0)
    .map(({ label, name, parts }) => ({
      label,
      ...(name === undefined ? {} : { name }),
      prompts: joinPoints(placeOnSlices(label, parts, common, only !== undefined)),
    }));
}

/** Label 0: what stands before the first object and holds no prompt. */
function groupTokens(tokens: readonly PromptToken[]): Group[] {
  const groups: Group[] = [];
  const open = (label: number): Group => {
    const known = groups.find((group) => group.label === label);
    if (known) return known;
    const group: Group = { label, parts: [] };
    groups.push(group);
    return group;
  };
  const leadingEnd = tokens.findIndex(({ option }) => option === 'object');
  const leading = leadingEnd < 0 ? tokens : tokens.slice(0, leadingEnd);
  let current = open(leading.some(({ option }) => option !== 'slice') ? 1 : 0);
  for (const token of tokens) {
    if (token.option === 'object') current = openNamed(token.value, open);
    else addPart(current, token);
  }
  return groups;
}

function openNamed(text: string, open: (label: number) => Group): Group {
  const [, number, name] = /^(\d{1,5})(?:=(.+))?$/s.exec(text) ?? [];
  const label = Number(number);
  if (number === undefined || label < 1 || label > 65535) {
    throw new UsageError(
      `"${excerpt(text)}" is not an object label.`,
      'Give --object a whole number from 1 to 65535, if wanted with a name: --object 2=kidney.',
    );
  }
  const group = open(label);
  if (name !== undefined && group.name !== undefined && group.name !== name) {
    throw new UsageError(`Object ${label} has two names, ${group.name} and ${name}.`, 'Keep one of them.');
  }
  group.name ??= name;
  return group;
}

function addPart(group: Group, { option, value: text }: PromptToken): void {
  const prompt = (unplaced: Unplaced): void => {
    group.parts.push({ kind: 'prompt', prompt: unplaced, text: `--${option} ${text}` });
  };
  switch (option) {
    case 'slice':
      group.parts.push({ kind: 'slice', slice: value(wholeNumber('A slice', 0), '--slice', text) });
      return;
    case 'box':
      return prompt({ kind: 'box', box: value(boxField, '--box', text) });
    case 'points':
      return prompt({ kind: 'points', points: parsePoints(text) });
    case 'recist': {
      const [x0, y0, x1, y1] = value(numbers(4, 'A RECIST line (x0,y0,x1,y1)'), '--recist', text);
      return prompt({ kind: 'recist', line: [x0, y0, x1, y1] });
    }
    case 'mask':
      return prompt({ kind: 'mask', file: text });
    case 'mask-value': {
      const last = group.parts.at(-1);
      if (last?.kind !== 'prompt' || last.prompt.kind !== 'mask') {
        throw new UsageError('--mask-value does not follow a --mask.', 'Write --mask FILE --mask-value NUMBER.');
      }
      const masked = { ...last.prompt, value: value(wholeNumber('A mask value', 1), '--mask-value', text) };
      group.parts.splice(-1, 1, { ...last, prompt: masked });
      return;
    }
    case 'object':
      return;
  }
}

/** `x,y,+` `x,y,-` (or 1 and 0), separated by spaces or semicolons. */
function parsePoints(text: string): Point[] {
  return value(pointsField, '--points', text.trim().split(/[\s;]+/).join(';')); // prettier-ignore
}

function placeOnSlices(
  label: number,
  parts: readonly Part[],
  common: number | undefined,
  single: boolean,
): PromptSpec[] {
  const prompts = parts.filter((part) => part.kind === 'prompt');
  const slices = parts.filter((part) => part.kind === 'slice');
  const place = (slice: number, part: (typeof prompts)[number]): PromptSpec => ({ ...part.prompt, slice });
  if (prompts.length === 0) {
    throw new UsageError(`Object ${label} has no prompt.`, 'Give it a --box, --points, --mask or --recist.');
  }
  if (single || slices.length <= 1) {
    const slice = slices.length === 1 ? slices[0].slice : common;
    if (slice === undefined) {
      throw new UsageError(`The prompts of object ${label} are on no slice.`, 'Add --slice NUMBER, counted from 0.');
    }
    return prompts.map((part) => place(slice, part));
  }
  const before = parts[0].kind === 'slice';
  const ordered = before ? parts : [...parts].reverse();
  const placed: PromptSpec[] = [];
  let slice: number | undefined;
  let used = true;
  for (const part of ordered) {
    if (part.kind === 'slice') {
      if (!used) throw unusedSlice(label, slice);
      slice = part.slice;
      used = false;
    } else if (slice === undefined) {
      throw new UsageError(
        `It is not clear on which slice ${excerpt(part.text)} of object ${label} is.`,
        'With several slices, write each --slice before the prompts on it.',
      );
    } else {
      placed.push(place(slice, part));
      used = true;
    }
  }
  if (!used) throw unusedSlice(label, slice);
  return before ? placed : placed.reverse();
}

const unusedSlice = (label: number, slice: number | undefined): UsageError =>
  new UsageError(
    `Object ${label} has no prompt on slice ${slice}.`,
    'With several slices, write each --slice before the prompts on it.',
  );

/** Points join the box of their slice, and each other: the model takes them together. */
function joinPoints(prompts: readonly PromptSpec[]): PromptSpec[] {
  const joined: PromptSpec[] = [];
  for (const prompt of prompts) {
    const at = joined.findIndex(
      ({ kind, slice }) =>
        slice === prompt.slice &&
        ((prompt.kind === 'points' && (kind === 'box' || kind === 'points')) ||
          (prompt.kind === 'box' && kind === 'points')),
    );
    const earlier = joined.at(at);
    if (at < 0 || earlier === undefined) joined.push(prompt);
    else joined[at] = mergePoints(earlier, prompt);
  }
  return joined;
}

function mergePoints(earlier: PromptSpec, later: PromptSpec): PromptSpec {
  const pointsOf = (prompt: PromptSpec) => (prompt.kind === 'box' || prompt.kind === 'points' ? prompt.points ?? [] : []); // prettier-ignore
  const points = [...pointsOf(earlier), ...pointsOf(later)];
  const boxed = [earlier, later].find((prompt) => prompt.kind === 'box');
  return boxed ? { ...boxed, points } : { kind: 'points', slice: earlier.slice, points };
}

function value<Output>(schema: z.ZodType<Output>, option: string, text: string): Output {
  const result = schema.safeParse(text);
  if (result.success) return result.data;
  throw new UsageError(
    `${option}: ${result.error.issues[0].message}`,
    remedies[option] ?? 'See medsam2 segment --help.',
  );
}

const remedies: Readonly<Record<string, string>> = {
  '--box': 'Give x0,y0,x1,y1 in pixels: the top-left corner, then the bottom-right one, as in --box 120,80,180,150.',
  '--points': 'Give x,y,+ for the object and x,y,- for the background, as in --points 130,95,+ 160,140,-; name the input before them.',
  '--slice': 'Slices count from 0.',
  '--recist': 'Give the two ends of the line in pixels, as in --recist 120,80,150,110.',
}; // prettier-ignore

const excerpt = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text);
