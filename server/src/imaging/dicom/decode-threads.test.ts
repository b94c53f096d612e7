import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedData } from '@medsam2/models/testing';
import { openFrames } from './decode.js';
import { threadDecoders } from './decode-threads.js';
import { readHeader, type InstanceHeader } from './header.js';
import { parsePart10, type ParsedInstance } from './parse.js';
import { forEachAtOnce } from './at-once.js';
import { sliceElements, writeInstance } from './testing/write-dicom.js';
import { makePhantom } from '../testing/phantom.js';

const data = sharedData();
const open = (parsed: ParsedInstance): [ParsedInstance, InstanceHeader] => [
  parsed,
  readHeader(parsed, 0) as InstanceHeader,
];

describe('decoding in threads', () => {
  const { decompress, atOnce } = threadDecoders();
  const { volume } = makePhantom({ columns: 16, rows: 12, slices: 1 });

  it('leaves a processor to others', () => {
    expect(atOnce).toBeGreaterThanOrEqual(1);
    expect(atOnce).toBeLessThanOrEqual(8);
  });

  it('a damaged stream is the same error as here', async () => {
    const [elements] = sliceElements(volume, 1);
    const damaged = { ...elements, '7FE00010': { vr: 'OB', Value: [new Uint8Array(64).fill(9).buffer] } };
    const parsed = parsePart10(writeInstance(damaged, '1.2.840.10008.1.2.4.90'));
    const codes = [undefined, decompress].map((where) =>
      openFrames(
        ...open(parsed),
        where,
      )(1).then(
        () => 'decoded',
        (error: unknown) => error,
      ),
    );
    const [here, there] = (await Promise.all(codes)) as Error[];
    expect(there).toMatchObject({ name: 'UserError', code: 'pixel-data-undecodable', message: here.message });
  });

  const files = [
    'us_multiframe/xa_96f_jpeg_fragments.dcm',
    'transfer_syntaxes/ct_512/1.2.840.10008.1.2.4.90_JPEG2000LosslessOnly.dcm',
  ];
  (data === undefined ? it.skip : it).each(files)('%s: the same frames as here', async (file) => {
    const parsed = parsePart10(readFileSync(join(data ?? '', file)));
    const before = Buffer.from(parsed.pixelData?.value ?? []);
    const [here, there] = [undefined, decompress].map((where) => openFrames(...open(parsed), where));
    const frames = Math.min(6, open(parsed)[1].numberOfFrames);
    const decoded = await Promise.all(Array.from({ length: frames }, (_, index) => there(index + 1)));
    for (const [index, frame] of decoded.entries()) expect(frame).toEqual(await here(index + 1));
    // what was handed over was a copy
    expect(before.equals(parsed.pixelData?.value ?? new Uint8Array())).toBe(true);
  });
});

describe('several values at once', () => {
  it('takes no further value after a failure, and throws it when the others have ended', async () => {
    const taken: number[] = [];
    let ended = 0;
    const values = (function* () {
      try {
        yield* [1, 2, 3, 4, 5];
      } finally {
        ended++;
      }
    })();
    const work = forEachAtOnce(values, 2, async (value) => {
      taken.push(value);
      await new Promise((resolve) => setTimeout(resolve, value));
      if (value === 2) throw new Error('two');
    });
    await expect(work).rejects.toThrow('two');
    expect(taken).not.toContain(5);
    expect(ended).toBe(1);
    const all: number[] = [];
    await forEachAtOnce([1, 2, 3], 8, (value) => Promise.resolve(void all.push(value)));
    expect(all).toEqual([1, 2, 3]);
  });
});
