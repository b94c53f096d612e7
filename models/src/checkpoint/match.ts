import type { Architecture } from '../architecture.js';
import { UserError } from '../errors.js';
import { guessArchitecture } from './guess.js';
import type { Checkpoint } from './types.js';

export interface Mismatch {
  /** keys the architecture needs and the checkpoint lacks */
  readonly missing: readonly string[];
  /** keys of the checkpoint the architecture does not know */
  readonly unexpected: readonly string[];
  readonly shapes: readonly {
    readonly key: string;
    readonly found: readonly number[];
    readonly needed: readonly number[];
  }[];
}

/** Compares keys and shapes, strictly: the reference refuses a checkpoint with one key too many as well. */
export function compareCheckpoint(checkpoint: Checkpoint, architecture: Architecture): Mismatch {
  const needed = new Map(Object.entries(architecture.tensors));
  const missing = [...needed.keys()].filter((key) => !checkpoint.tensors.has(key));
  const unexpected = [...checkpoint.tensors.keys()].filter((key) => !needed.has(key));
  const shapes = [...needed].flatMap(([key, { shape }]) => {
    const found = checkpoint.tensors.get(key)?.shape;
    return found && !sameShape(found, shape) ? [{ key, found, needed: shape }] : [];
  });
  return { missing, unexpected, shapes };
}

/** Whether {@link compareCheckpoint} found nothing. */
export function fits({ missing, unexpected, shapes }: Mismatch): boolean {
  return missing.length + unexpected.length + shapes.length === 0;
}

/**
 * @throws UserError `checkpoint-mismatch` unless keys and shapes are exactly those of the architecture; the sentence names
 *   the first few differences, their counts, and what the file looks like
 */
export function requireMatch(checkpoint: Checkpoint, architecture: Architecture): void {
  const mismatch = compareCheckpoint(checkpoint, architecture);
  if (fits(mismatch)) return;
  const { missing, unexpected, shapes } = mismatch;
  const parts = [
    ...(missing.length ? [`${counted(missing.length, 'key')} missing (${few(missing)})`] : []),
    ...(unexpected.length ? [`${counted(unexpected.length, 'key')} unexpected (${few(unexpected)})`] : []),
    ...(shapes.length
      ? [
          `${counted(shapes.length, 'tensor')} of another shape (${few(
            shapes.map(({ key, found, needed }) => `${key} [${found.join(', ')}] instead of [${needed.join(', ')}]`),
          )})`,
        ]
      : []),
  ];
  const guess = guessArchitecture(checkpoint);
  throw new UserError(
    'checkpoint-mismatch',
    `${checkpoint.file} does not fit the architecture ${architecture.name}: ${parts.join('; ')}` +
      `${guess ? `; it looks like ${guess}` : ''}.`,
    'Give weights of this architecture, or name the architecture they belong to with --config.',
  );
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function few(items: readonly string[]): string {
  const shown = items.slice(0, 3).map((item) => item.slice(0, 120));
  return items.length > 3 ? `${shown.join(', ')}, …` : shown.join(', ');
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
