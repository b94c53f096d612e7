import { UserError } from '@medsam2/models';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A truth file and the prediction that belongs to it. */
export interface CasePair {
  /** file name without folder and image extension */
  readonly name: string;
  readonly truth: string;
  /** absent when no prediction was found under this name */
  readonly prediction?: string;
}

export interface Pairing {
  readonly pairs: readonly CasePair[];
  /** predictions for which there is no truth */
  readonly unmatched: readonly string[];
}

const EXTENSIONS = ['.nii.gz', '.nii', '.nrrd', '.nhdr', '.mha', '.mhd', '.npz'] as const;

/** The name of a case: its file name without an image extension, or undefined when it is no label file. */
export function caseName(path: string): string | undefined {
  const file = basename(path);
  const extension = EXTENSIONS.find((candidate) => file.toLowerCase().endsWith(candidate));
  return extension && file.length > extension.length ? file.slice(0, -extension.length) : undefined;
}

/**
 * Pairs predictions with truths: two files with each other, or the files of two folders by name (extensions may differ).
 *
 * @throws UserError `path-not-found`, `evaluate-mixed-paths`, `evaluate-no-files`, `evaluate-ambiguous-name`
 */
export async function pairCases(prediction: string, truth: string): Promise<Pairing> {
  const [predictionIsFolder, truthIsFolder] = [await isFolder(prediction), await isFolder(truth)];
  if (predictionIsFolder !== truthIsFolder) {
    throw new UserError(
      'evaluate-mixed-paths',
      `One of ${prediction} and ${truth} is a file and the other is a folder.`,
      'Give two files, or two folders whose files have the same names.',
    );
  }
  if (!truthIsFolder) {
    return { pairs: [{ name: caseName(truth) ?? basename(truth), truth, prediction }], unmatched: [] };
  }
  const predictions = await labelFiles(prediction);
  const truths = await labelFiles(truth);
  if (truths.size === 0) {
    throw new UserError(
      'evaluate-no-files',
      `${truth} holds no NIfTI, NRRD, MetaImage or npz files.`,
      'Give the folder with the true labels.',
    );
  }
  const pairs = [...truths].map(([name, path]) => ({ name, truth: path, prediction: predictions.get(name) }));
  const unmatched = [...predictions.keys()].filter((name) => !truths.has(name));
  return { pairs, unmatched };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw new UserError('path-not-found', `${path} cannot be read.`, 'Check the path and its permissions.', { cause });
  }
}

async function labelFiles(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const file of (await readdir(folder)).sort()) {
    // Copies by macOS leave "._" files beside the real ones.
    const name = file.startsWith('.') ? undefined : caseName(file);
    if (name === undefined) continue;
    const other = files.get(name);
    if (other !== undefined) {
      throw new UserError(
        'evaluate-ambiguous-name',
        `${folder} holds both ${basename(other)} and ${file}, which are the same case.`,
        'Keep one of them.',
      );
    }
    files.set(name, join(folder, file));
  }
  return files;
}
