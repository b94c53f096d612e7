/**
 * Text with code extensions (PS3.5 section 6.1.2.5, ISO 2022). The parser of files leaves it undecoded when an attribute
 * uses several character sets: every byte is then one character (windows-1252). DICOMweb metadata never has it.
 */
const ESCAPE = '\u001b';

/** Escape sequences (without ESC) of PS3.3 table C.12-3 and C.12-4, with the encoding that reads what follows. */
const DESIGNATIONS: Readonly<Record<string, { readonly encoding: string; readonly set: 'single' | 'G0' | 'G1' }>> = {
  '(B': { encoding: 'ascii', set: 'single' },
  '(J': { encoding: 'ascii', set: 'single' },
  ')I': { encoding: 'shift_jis', set: 'single' },
  $B: { encoding: 'euc-jp', set: 'G0' },
  '$@': { encoding: 'euc-jp', set: 'G0' },
  '$(D': { encoding: 'euc-jp', set: 'G0' },
  '$)C': { encoding: 'euc-kr', set: 'G1' },
  '$)A': { encoding: 'gb18030', set: 'G1' },
  '-A': { encoding: 'iso-8859-1', set: 'G1' },
  '-B': { encoding: 'iso-8859-2', set: 'G1' },
  '-C': { encoding: 'iso-8859-3', set: 'G1' },
  '-D': { encoding: 'iso-8859-4', set: 'G1' },
  '-L': { encoding: 'iso-8859-5', set: 'G1' },
  '-G': { encoding: 'iso-8859-6', set: 'G1' },
  '-F': { encoding: 'iso-8859-7', set: 'G1' },
  '-H': { encoding: 'iso-8859-8', set: 'G1' },
  '-M': { encoding: 'windows-1254', set: 'G1' },
  '-T': { encoding: 'tis-620', set: 'G1' },
};

/** Decodes a value or several; what no table knows stays as it is, escape sequence included. */
export function decodeEscapes(text: string): string {
  if (!text.includes(ESCAPE)) return text;
  const [plain, ...parts] = text.split(ESCAPE);
  return plain + parts.map(decodePart).join('');
}

/** One stretch behind an ESC. */
function decodePart(part: string): string {
  const key = [3, 2].map((length) => part.slice(0, length)).find((start) => start in DESIGNATIONS);
  if (key === undefined) return ESCAPE + part;
  const { encoding, set } = DESIGNATIONS[key];
  const rest = part.slice(key.length);
  const codes = [...rest].map((character) => byteOf(character));
  // what is no byte was decoded already
  if (encoding === 'ascii' || codes.some((code) => code === undefined)) return rest;
  const bytes = codes as number[];
  if (set === 'G0') return decodeTwoBytes(bytes, key === '$(D');
  return new TextDecoder(encoding).decode(Uint8Array.from(bytes));
}

/** Sets of two 7-bit bytes per character, as EUC-JP has them: with the high bits set, JIS X 0212 behind 0x8F. */
function decodeTwoBytes(bytes: readonly number[], supplementary: boolean): string {
  const decoder = new TextDecoder('euc-jp');
  let text = '';
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const pair = [bytes[at] | 0x80, bytes[at + 1] | 0x80];
    text += decoder.decode(Uint8Array.from(supplementary ? [0x8f, ...pair] : pair));
  }
  return text;
}

/** windows-1252 of 0x80..0x9F, where it differs from Latin-1. */
let byteOfHigh: ReadonlyMap<string, number> | undefined;

function byteOf(character: string): number | undefined {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80 || (code >= 0xa0 && code <= 0xff)) return code;
  if (!byteOfHigh) {
    const decoder = new TextDecoder('windows-1252');
    const high = Array.from({ length: 0x20 }, (_, index) => 0x80 + index);
    byteOfHigh = new Map(high.map((byte) => [decoder.decode(Uint8Array.of(byte)), byte]));
  }
  return byteOfHigh.get(character);
}
