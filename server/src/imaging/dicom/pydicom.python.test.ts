import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { repositoryRoot, sharedData, testPython } from '@medsam2/models/testing';
import { temporaryFolder } from '../testing/temporary.js';
import { openFrames } from './decode.js';
import { readHeader } from './header.js';
import { isDicom, parsePart10 } from './parse.js';

const data = sharedData();
const python = testPython();
const scratch = temporaryFolder();
/** Frames compared of every multi-frame instance. */
const FRAMES = 3;

type Answer = { error: string } | { dtype: 'int32' | 'uint8'; shape: number[]; offset: number; error?: undefined };

function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesUnder(join(path, name)));
}

/** Transform coding of 12 bits and lossy HTJ2K round differently in every decoder, by one grey value at most. */
const ROUNDED = new Set(['1.2.840.10008.1.2.4.51', '1.2.840.10008.1.2.4.203']);
/** What must not decode, and as what it is refused. */
const REFUSED: Record<string, string> = { 'transfer_syntaxes/misc/MR_truncated.dcm': 'truncated-pixel-data' };
/** 16-bit colour is refused when volumes are planned. */
const NOT_COMPARED = new Set(['transfer_syntaxes/misc/SC_rgb_16bit.dcm']);
/** Not decodable by pydicom; equal to the .51 file next to them, as DCMTK decodes all three. */
const SAME_AS_51 = ['4.53_JPEGProcess6_8', '4.55_JPEGProcess10_12'];

if (!data || !python) {
  it.skip('decoding against pydicom (needs the shared test data and MEDSAM2_PYTHON)', () => undefined);
} else {
  const files = ['transfer_syntaxes', 'us_multiframe', 'enhanced', 'pixel_formats', 'endo_clip']
    .flatMap((folder) => filesUnder(join(data, folder)))
    .concat(
      readdirSync(join(data, 'awkward'))
        .filter((name) => name.startsWith('ts_'))
        .map((name) => join(data, 'awkward', name, 'dicom', 'IM0001.dcm')),
    )
    .filter((file) => isDicom(readFileSync(file)))
    .map((file) => relative(data, file))
    .filter((file) => !NOT_COMPARED.has(file));
  const answers = new Map<string, Answer>();
  let samples: Buffer;

  beforeAll(() => {
    const script = join(repositoryRoot(), 'server/src/imaging/dicom/testing/pydicom-frames.py');
    const binary = join(scratch, 'frames.bin');
    const requests = files.map((file) => ({ path: join(data, file), frames: FRAMES }));
    const run = spawnSync(python, [script, binary], {
      input: JSON.stringify(requests),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    if (run.status !== 0) throw new Error(`pydicom failed: ${run.stderr}`);
    (JSON.parse(run.stdout) as Answer[]).forEach((answer, index) => answers.set(files[index], answer));
    samples = readFileSync(binary);
  });

  async function decode(file: string, frames: number): Promise<ArrayLike<number>[]> {
    const parsed = parsePart10(readFileSync(join(data ?? '', file)));
    const header = readHeader(parsed, 0);
    if (!header) throw new Error(`${file} has no image`);
    const frame = openFrames(parsed, header);
    const decoded: ArrayLike<number>[] = [];
    for (let number = 1; number <= frames; number++) decoded.push((await frame(number)).samples);
    return decoded;
  }

  const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
    expect(a.length).toBe(b.length);
    let difference = 0;
    for (let i = 0; i < a.length; i++) difference = Math.max(difference, Math.abs(a[i] - b[i]));
    return difference;
  };

  describe('stored values equal those of pydicom', () => {
    it('for a good number of files', () => expect(files.length).toBeGreaterThan(75));

    it.each(files)('%s', async (file) => {
      const answer = answers.get(file);
      if (REFUSED[file]) {
        await expect(decode(file, 1)).rejects.toMatchObject({ code: REFUSED[file] });
        return;
      }
      if (SAME_AS_51.some((name) => file.includes(name))) {
        const [[ours], [reference]] = [
          await decode(file, 1),
          await decode(files.find((name) => name.includes('JPEGProcess2_4')) ?? '', 1),
        ];
        expect(worst(ours, reference)).toBe(0);
        return;
      }
      if (!answer || answer.error !== undefined) throw new Error(`pydicom: ${answer?.error}`);
      const frames = await decode(file, answer.shape[0]);
      const width = answer.dtype === 'int32' ? 4 : 1;
      const { transferSyntaxUid } = parsePart10(readFileSync(join(data, file)));
      frames.forEach((ours, index) => {
        const bytes = new Uint8Array(
          samples.subarray(
            answer.offset + index * ours.length * width,
            answer.offset + (index + 1) * ours.length * width,
          ),
        );
        const theirs = width === 4 ? new Int32Array(bytes.buffer) : bytes;
        expect(worst(ours, theirs)).toBeLessThanOrEqual(ROUNDED.has(transferSyntaxUid) ? 1 : 0);
      });
    });
  });
}
