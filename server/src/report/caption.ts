import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import opentype from 'opentype.js';

const FONT_FILE = '@fontsource/dejavu-mono/files/dejavu-mono-latin-400-normal.woff';
let font: opentype.Font | undefined;

/** Pixels between the baselines of two lines, for a font size in pixels. */
export const lineHeight = (fontSize: number): number => Math.round(fontSize * 1.45);

/**
 * SVG path of a line of text: outlines, so that no font has to be installed where the picture is made.
 *
 * @param x left edge in pixels
 * @param baseline y of the baseline in pixels
 */
export function textPath(text: string, x: number, baseline: number, fontSize: number): string {
  return loadFont().getPath(text, x, baseline, fontSize).toPathData(2);
}

/** Width of a line of text in pixels. */
export function textWidth(text: string, fontSize: number): number {
  return loadFont().getAdvanceWidth(text, fontSize);
}

/** Breaks a text into lines of at most `width` pixels, at spaces, or within a word that is wider than a line. */
export function wrapText(text: string, width: number, fontSize: number): string[] {
  // The font has one width for all characters.
  const perLine = Math.max(1, Math.floor(width / textWidth('0', fontSize)));
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (let word of paragraph.split(' ')) {
      if (line && line.length + 1 + word.length > perLine) {
        lines.push(line);
        line = '';
      }
      while (word.length > perLine) {
        lines.push(word.slice(0, perLine));
        word = word.slice(perLine);
      }
      line = line ? `${line} ${word}` : word;
    }
    lines.push(line);
  }
  return lines;
}

function loadFont(): opentype.Font {
  if (!font) {
    const file = readFileSync(createRequire(import.meta.url).resolve(FONT_FILE));
    font = opentype.parse(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
  }
  return font;
}
