import { UserError } from '@medsam2/models';
import { dirname, resolve, sep } from 'node:path';
import { firstBytes } from './byte-source.js';

const maxHeaderBytes = 1 << 20;

/**
 * The text lines at the start of a file, up to the line for which `isLast` holds, and where the bytes behind it start.
 * Lines end with LF or CRLF; text is Latin-1, so that every byte is a character.
 *
 * @returns undefined when no such line comes within 1 MiB
 */
export async function readHeaderLines(
  path: string,
  isLast: (line: string) => boolean,
): Promise<{ lines: string[]; end: number } | undefined> {
  const text = Buffer.from(await firstBytes(path, maxHeaderBytes)).toString('latin1');
  const lines: string[] = [];
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const stop = newline < 0 ? text.length : newline;
    const line = text.slice(at, stop).replace(/\r$/, '');
    at = stop + 1;
    lines.push(line);
    if (isLast(line)) return { lines, end: Math.min(at, text.length) };
  }
  // a detached header may end with the file instead of an empty line
  return text.length < maxHeaderBytes ? { lines, end: text.length } : undefined;
}

/**
 * The path of a data file that a header names.
 *
 * @throws UserError `image-data-file` for lists, patterns, and names outside the header's folder: a header must not make
 *   the program read any file of the machine
 */
export function dataFilePath(headerPath: string, name: string): string {
  if (/^LIST\b/i.test(name) || /%\d*d/.test(name)) {
    throw new UserError(
      'image-data-file',
      'The header spreads its voxels over several files, which is not supported.',
      'Convert the image to a single file.',
    );
  }
  const folder = resolve(dirname(headerPath));
  const path = resolve(folder, name);
  if (!path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
    throw new UserError(
      'image-data-file',
      'The header names a voxel file outside its own folder.',
      'Put both files into one folder and name the voxel file without a path.',
    );
  }
  return path;
}

/** The numbers of a header value such as `1 2 3` or `1,2,3`, or undefined when it is anything else. */
export function parseNumbers(value: string): number[] | undefined {
  const words = value.trim().split(/[\s,]+/);
  const numbers = words.map(Number);
  return words[0] !== '' && numbers.every((number) => !Number.isNaN(number)) ? numbers : undefined;
}
