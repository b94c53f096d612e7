import fc from 'fast-check';
import { deflateRawSync } from 'node:zlib';
import { UserError } from '@medsam2/models';
import { matchSeg, readSeg, writeSeg } from '@medsam2/server/segmentation';
import { parsePart10, writeInstance } from '@medsam2/server/testing';
import { requestOf, stripes } from '../segmentation/requests.js';
import { phantomSource } from '../segmentation/sources.js';

const EXPLICIT_BIG_ENDIAN = '1.2.840.10008.1.2.2';
const source = phantomSource({ columns: 9, rows: 7, slices: 3 });
const request = requestOf(source, stripes(source, 2));
const binary = writeSeg(request).bytes;
const labelMap = writeSeg({ ...request, format: 'labelmap' }).bytes;

type Elements = Parameters<typeof writeInstance>[0];
type Element = NonNullable<Elements[string]>;

/** The object with some elements changed. */
function changed(from: Uint8Array, change: Elements, syntax?: string): Uint8Array {
  const parsed = parsePart10(from);
  const pixels = Uint8Array.from(parsed.pixelData?.value ?? []);
  return writeInstance(
    { ...(parsed.dataset as Elements), '7FE00010': { vr: 'OB', Value: [pixels.buffer] }, ...change },
    syntax,
  );
}
const sequence = (from: Uint8Array, tag: string): Elements[] => parsePart10(from).dataset[tag]?.Value as Elements[];
const items = (...values: readonly Elements[]): Element => ({ vr: 'SQ', Value: [...values] });
const stream = (from: Uint8Array): Uint8Array => Uint8Array.from(parsePart10(from).pixelData?.value ?? []);
const pixelData = (bytes: Uint8Array, vr = 'OB'): Elements => ({
  '7FE00010': { vr, Value: [Uint8Array.from(bytes).buffer] },
});
const masks = async (bytes: Uint8Array): Promise<Uint8Array[]> =>
  (await readSeg(bytes)).frames.map((frame) => frame.mask());

async function refusal(bytes: Uint8Array, options = {}): Promise<string> {
  try {
    await readSeg(bytes, options);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).toMatch(/^[^\n]+\.$/);
    return error.code;
  }
  throw new Error('the object was not refused');
}

describe('odd but readable objects', () => {
  it('survive being written again', async () => {
    expect(await masks(changed(binary, {}))).toEqual(await masks(binary));
  });

  it('words of big endian', async () => {
    const swapped = stream(binary);
    for (let at = 0; at + 1 < swapped.length; at += 2) [swapped[at], swapped[at + 1]] = [swapped[at + 1], swapped[at]];
    const bytes = changed(binary, pixelData(swapped, 'OW'), EXPLICIT_BIG_ENDIAN);
    expect(await masks(bytes)).toEqual(await masks(binary));
  });

  it('frames that begin on whole bytes, with a finding', async () => {
    // 221 pixels a frame: six frames take two bytes more than the continuous stream
    const odd = phantomSource({ columns: 17, rows: 13, slices: 3 });
    const original = writeSeg(requestOf(odd, stripes(odd, 2))).bytes;
    const frames = await masks(original);
    const padded = new Uint8Array(frames.length * 28);
    frames.forEach((mask, frame) => {
      mask.forEach((value, pixel) => (padded[frame * 28 + (pixel >> 3)] |= value << (pixel & 7)));
    });
    const bytes = changed(original, pixelData(padded));
    expect(await masks(bytes)).toEqual(frames);
    expect((await readSeg(bytes)).findings.map(({ code }) => code)).toEqual(['frames-padded']);
  });

  it('codes of the retired scheme become current ones', async () => {
    const [first, ...others] = sequence(binary, '00620002');
    const code = (value: string, meaning: string): Element =>
      items({
        '00080100': { vr: 'SH', Value: [value] },
        '00080102': { vr: 'SH', Value: ['SRT'] },
        '00080104': { vr: 'LO', Value: [meaning] },
      });
    const old = { ...first, '00620003': code('T-D0050', 'Tissue'), '0062000F': code('T-62000', 'Liver') };
    const { segments } = await readSeg(changed(binary, { '00620002': items(old, ...others) }));
    expect(segments[0].terms).toEqual({
      category: { scheme: 'SCT', value: '85756007', meaning: 'Tissue' },
      type: { scheme: 'SCT', value: '10200004', meaning: 'Liver' },
    });
  });

  it('labels without a description are left out of a label map, with a finding', async () => {
    const kept = sequence(labelMap, '00620002').slice(0, -1);
    const contents = await readSeg(changed(labelMap, { '00620002': items(...kept) }));
    expect(contents.findings.map(({ code }) => code)).toEqual(['label-without-segment']);
    expect(new Set(contents.frames.map(({ segment }) => segment))).toEqual(new Set([1]));
  });
});

describe('objects that are refused', () => {
  const integer = (vr: string, value: number): Element => ({ vr, Value: [value] });
  const [first] = sequence(binary, '00620002');
  const groups = sequence(binary, '52009230');

  it.each<[string, string, Uint8Array]>([
    ['fewer bytes than frames', 'segmentation-unreadable', changed(binary, pixelData(new Uint8Array(10)))],
    ['no pixel data', 'segmentation-unreadable', changed(binary, { '7FE00010': undefined })],
    [
      'a frame without description',
      'segmentation-unreadable',
      changed(binary, { '52009230': items(...groups.slice(1)) }),
    ],
    ['no frames', 'segmentation-unreadable', changed(binary, { '00280008': { vr: 'IS', Value: ['0'] } })],
    ['a size of nothing', 'segmentation-unreadable', changed(binary, { '00280010': integer('US', 0) })],
    [
      'frames of 4 gigapixels',
      'segmentation-too-large',
      changed(binary, { '00280010': integer('US', 65535), '00280011': integer('US', 65535) }),
    ],
    ['a segment twice', 'segmentation-unreadable', changed(binary, { '00620002': items(first, first) })],
    ['frames of unknown segments', 'segmentation-unreadable', changed(binary, { '00620002': items(first) })],
    ['no segments', 'segmentation-unreadable', changed(binary, { '00620002': items() })],
    ['8 bits for yes or no', 'segmentation-unreadable', changed(binary, { '00280100': integer('US', 8) })],
    ['an unknown kind', 'segmentation-unreadable', changed(binary, { '00620001': { vr: 'CS', Value: ['SURFACE'] } })],
    [
      'fractions without a maximum',
      'segmentation-unreadable',
      changed(labelMap, { '00620001': { vr: 'CS', Value: ['FRACTIONAL'] } }),
    ],
    [
      'tiles of a slide',
      'segmentation-unsupported',
      changed(binary, { '00209311': { vr: 'CS', Value: ['TILED_FULL'] } }),
    ],
    ['no identifiers', 'segmentation-unreadable', changed(binary, { '0020000D': undefined })],
    [
      'images',
      'not-a-segmentation',
      changed(binary, { '00080016': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.2'] } }),
    ],
    ['nothing', 'dicom-unreadable', new Uint8Array(0)],
    ['text', 'dicom-unreadable', new TextEncoder().encode('PNG or whatever '.repeat(30))],
  ])('%s: %s', async (_, code, bytes) => expect(await refusal(bytes)).toBe(code));

  it('keeps to its limits', async () => {
    expect(await refusal(binary, { maxBytes: 1000 })).toBe('segmentation-too-large');
    expect(await refusal(binary, { maxFrames: 3 })).toBe('segmentation-too-large');
    expect(await refusal(labelMap, { maxFrames: 3 })).toBe('segmentation-too-large');
  });

  it('does not inflate without end', async () => {
    const declared = writeInstance(parsePart10(binary).dataset as Elements, '1.2.840.10008.1.2.1.99');
    const head = declared.slice(0, 144 + new DataView(declared.buffer, declared.byteOffset).getUint32(140, true));
    const bomb = Buffer.concat([head, deflateRawSync(Buffer.alloc(2 ** 25))]);
    expect(bomb.length).toBeLessThan(2 ** 16);
    expect(await refusal(bomb, { maxBytes: 2 ** 24 })).toBe('dicom-unreadable');
  });

  it('survives sequences nested without end', async () => {
    const metaEnd = 144 + new DataView(binary.buffer, binary.byteOffset).getUint32(140, true);
    // 0040,A730 SQ of undefined length, item of undefined length: 20 bytes a level
    const level = Uint8Array.of(
      0x40,
      0,
      0x30,
      0xa7,
      0x53,
      0x51,
      0,
      0,
      255,
      255,
      255,
      255,
      0xfe,
      255,
      0,
      0xe0,
      255,
      255,
      255,
      255,
    );
    const deep = Buffer.concat([binary.subarray(0, metaEnd), ...Array<Uint8Array>(20_000).fill(level)]);
    expect(['segmentation-unreadable', 'dicom-unreadable', 'not-a-segmentation']).toContain(await refusal(deep));
  });
});

describe('damaged objects', () => {
  /** Reads, matches and asks for every mask, as a session does; anything but a UserError is a defect. */
  async function use(bytes: Uint8Array): Promise<'read' | 'refused'> {
    try {
      const contents = await readSeg(bytes, { maxBytes: 2 ** 24, maxFrames: 1000 });
      for (const frame of contents.frames) {
        const mask = frame.mask();
        if (mask.length !== contents.rows * contents.columns) throw new Error('a mask of another size');
        if (frame.isEmpty() === mask.includes(1)) throw new Error('isEmpty and mask differ');
      }
      for (const segment of matchSeg(contents, source).segments) segment.slices.forEach((slice) => segment.mask(slice));
      return 'read';
    } catch (error) {
      if (error instanceof UserError) return 'refused';
      throw error;
    }
  }

  it('are refused wherever they are cut off', async () => {
    for (const bytes of [binary, labelMap]) {
      const outcomes = new Set<string>();
      // the last byte may be padding
      for (let length = 0; length < bytes.length - 1; length += 1 + (length % 61))
        outcomes.add(await use(bytes.subarray(0, length)));
      expect([...outcomes]).toEqual(['refused']);
    }
  });

  it.each([
    ['binary', binary],
    ['label map', labelMap],
  ])('never end in anything but a refusal: bytes of a %s changed', async (_, original) => {
    const outcomes = { read: 0, refused: 0 };
    const before = process.memoryUsage().rss;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(original.length - 1), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 12,
        }),
        async (changes) => {
          const bytes = Uint8Array.from(original);
          for (const [at, value] of changes) bytes[at] = value;
          outcomes[await use(bytes)]++;
        },
      ),
      { numRuns: 300, seed: 42 },
    );
    // both happen: the fuzz reaches what lies behind the first checks
    expect(outcomes.read).toBeGreaterThan(20);
    expect(outcomes.refused).toBeGreaterThan(20);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
  });

  it('never end in anything but a refusal: pieces cut out or repeated', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(binary.length), fc.nat(200), fc.boolean(), async (at, length, repeat) => {
        const piece = binary.subarray(at, at + length);
        const parts = repeat
          ? [binary.subarray(0, at), piece, binary.subarray(at)]
          : [binary.subarray(0, at), binary.subarray(at + length)];
        await use(Buffer.concat(parts));
      }),
      { numRuns: 200, seed: 43 },
    );
  });
});
