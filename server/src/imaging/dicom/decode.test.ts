import codecs from 'dcmjs-codecs';
import { makePhantom } from '../testing/phantom.js';
import { openFrames, type StoredFrame } from './decode.js';
import { applyPalette, toRgb } from './decoders/color.js';
import { streamImage } from './decoders/codestream.js';
import { toSamples } from './decoders/samples.js';
import { readHeader, type PixelFormat } from './header.js';
import { parsePart10 } from './parse.js';
import { sliceElements, writeInstance, type Elements } from './testing/write-dicom.js';
import { EXPLICIT_BIG_ENDIAN, IMPLICIT_LITTLE_ENDIAN } from './transfer-syntaxes.js';

const { Context, NativeCodecs } = codecs;
const { volume } = makePhantom({ columns: 20, rows: 14, slices: 3, seed: 5 });
const elements = sliceElements(volume, 3);
const stored = elements.map((one) => new Uint16Array(one['7FE00010']?.Value[0] as ArrayBuffer));
const SYNTAX = '1.2.840.10008.1.2.';

async function decode(bytes: Uint8Array, frame = 1): Promise<StoredFrame> {
  const parsed = parsePart10(bytes);
  const header = readHeader(parsed, 0);
  if (!header) throw new Error('no image');
  return openFrames(parsed, header)(frame);
}

const fragments = (one: Elements, ...parts: Uint8Array[]): Elements => ({
  ...one,
  '7FE00010': { vr: 'OB', Value: parts.map((part) => part.slice().buffer) },
});

type Encoder = 'encodeRle' | 'encodeJpegLs' | 'encodeJpeg2000' | 'encodeJpeg' | 'encodeHtJpeg2000';

async function encode(pixels: Uint16Array, encoder: Encoder): Promise<Uint8Array> {
  await NativeCodecs.initializeAsync({});
  const context = new Context({
    width: 20,
    height: 14,
    bitsAllocated: 16,
    bitsStored: 16,
    samplesPerPixel: 1,
    pixelRepresentation: 0,
    planarConfiguration: 0,
    photometricInterpretation: 'MONOCHROME2',
    decodedBuffer: new Uint8Array(pixels.slice().buffer),
  });
  const encoded = NativeCodecs[encoder](context, { lossy: false, predictor: 1, pointTransform: 0 }).getEncodedBuffer();
  if (!encoded) throw new Error('nothing encoded');
  return encoded;
}

const LOSSLESS: [string, Encoder][] = [
  ['5', 'encodeRle'],
  ['4.70', 'encodeJpeg'],
  ['4.80', 'encodeJpegLs'],
  ['4.90', 'encodeJpeg2000'],
  ['4.201', 'encodeHtJpeg2000'],
];

describe('openFrames', () => {
  it.each([
    ['explicit little endian', undefined],
    ['implicit little endian', IMPLICIT_LITTLE_ENDIAN],
    ['explicit big endian', EXPLICIT_BIG_ENDIAN],
  ])('%s', async (_, syntax) => {
    // dcmjs writes pixel bytes as they are: big endian ones are handed over swapped
    const bytes = new Uint8Array(stored[1].slice().buffer);
    if (syntax === EXPLICIT_BIG_ENDIAN) for (let i = 0; i < bytes.length; i += 2) bytes.subarray(i, i + 2).reverse();
    const one = { ...elements[1], '7FE00010': { vr: 'OW', Value: [bytes.buffer] } };
    expect((await decode(writeInstance(one, syntax))).samples).toEqual(stored[1]);
  });

  it.each(LOSSLESS)('%s gives the pixels back exactly', async (syntax, encoder) => {
    const encoded = await encode(stored[0], encoder);
    expect((await decode(writeInstance(fragments(elements[0], encoded), SYNTAX + syntax))).samples).toEqual(stored[0]);
  });

  it.each(LOSSLESS)('%s refuses a stream of another size, a damaged and a cut one', async (syntax, encoder) => {
    const encoded = await encode(stored[0], encoder);
    const rows = (count: number): Elements => ({ ...elements[0], '00280010': { vr: 'US', Value: [count] } });
    const attempt = (one: Elements, part: Uint8Array): Promise<StoredFrame> =>
      decode(writeInstance(fragments(one, part), SYNTAX + syntax));
    const undecodable = { code: 'pixel-data-undecodable' };
    await expect(attempt(rows(28), encoded)).rejects.toMatchObject(undecodable);
    await expect(attempt(rows(7), encoded)).rejects.toMatchObject(undecodable);
    await expect(attempt(elements[0], encoded.slice(0, encoded.length >> 1))).rejects.toMatchObject(undecodable);
    await expect(attempt(elements[0], new Uint8Array(100))).rejects.toMatchObject(undecodable);
    // a decoder that failed must not spoil the next image
    expect((await attempt(elements[0], encoded)).samples).toEqual(stored[0]);
  });

  it('separates frames by offset table, by count, and by image markers', async () => {
    const encoded = await Promise.all(stored.map((pixels) => encode(pixels, 'encodeJpeg')));
    const multi: Elements = { ...elements[0], '00280008': { vr: 'IS', Value: ['3'] } };
    const whole = writeInstance(fragments(multi, ...encoded), `${SYNTAX}4.70`);
    const rebuilt = (...parts: Uint8Array[]): Uint8Array => withFragments(whole, parts);
    const halves = encoded.flatMap((one) => [one.subarray(0, 50), one.subarray(50)]);
    for (const bytes of [whole, rebuilt(...encoded), rebuilt(...halves)]) {
      for (const frame of [3, 1, 2]) expect((await decode(bytes, frame)).samples).toEqual(stored[frame - 1]);
    }
    // four fragments that do not say which three frames they are
    const [a, b, c] = encoded;
    const vague = rebuilt(a, b, c, Uint8Array.from([0xff, 0xd8, 0xff, 0xd9]));
    await expect(decode(vague)).rejects.toMatchObject({ code: 'frames-not-separable' });
    await expect(decode(whole.slice(0, whole.length - 40))).rejects.toMatchObject({ code: 'truncated-pixel-data' });
  });

  it('separates frames by the Extended Offset Table, where nothing else tells', async () => {
    const encoded = await Promise.all(stored.map((pixels) => encode(pixels, 'encodeRle')));
    const halves = encoded.flatMap((one) => [one.subarray(0, 80), one.subarray(80)]);
    const starts = halves.map((_, index) => halves.slice(0, index).reduce((sum, half) => sum + half.length + 8, 0));
    const table = BigUint64Array.from([starts[0], starts[2], starts[4]].map(BigInt));
    const multi: Elements = {
      ...elements[0],
      '00280008': { vr: 'IS', Value: ['3'] },
      '7FE00001': { vr: 'OB', Value: [table.buffer] },
    };
    const file = writeInstance(fragments(multi, encoded[0]), `${SYNTAX}5`);
    // the writer does not know the VR of this element, OV
    const at = Buffer.from(file).indexOf(Uint8Array.from([0xe0, 0x7f, 0x01, 0x00, 0x4f, 0x42]));
    file[at + 5] = 'V'.charCodeAt(0);
    const bytes = withFragments(file, halves);
    for (const frame of [2, 3, 1]) expect((await decode(bytes, frame)).samples).toEqual(stored[frame - 1]);
  });

  it('refuses by name what it has no decoder for', async () => {
    const video = writeInstance(fragments(elements[0], new Uint8Array(20)), `${SYNTAX}4.102`);
    await expect(decode(video)).rejects.toMatchObject({
      code: 'unsupported-transfer-syntax',
      message: expect.stringMatching(/1\.2\.840\.10008\.1\.2\.4\.102 \(MPEG-4 AVC\/H\.264 High Profile\)/) as unknown,
    });
  });
});

/** The same file with these fragments as its pixel data, and an empty Basic Offset Table. */
function withFragments(file: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const item = (bytes: Uint8Array): Uint8Array => {
    const out = new Uint8Array(8 + bytes.length);
    new DataView(out.buffer).setUint32(0, 0xfeff00e0);
    new DataView(out.buffer).setUint32(4, bytes.length, true);
    out.set(bytes, 8);
    return out;
  };
  const end = Uint8Array.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
  return Buffer.concat([file.subarray(0, pixelValueStart(file)), item(new Uint8Array(0)), ...parts.map(item), end]);
}

/** Offset of the value of Pixel Data in an encapsulated file written by dcmjs. */
function pixelValueStart(bytes: Uint8Array): number {
  for (let at = 132; at < bytes.length; at++) {
    if (bytes[at] === 0xe0 && bytes[at + 1] === 0x7f && bytes[at + 2] === 0x10 && bytes[at + 4] === 0x4f)
      return at + 12;
  }
  throw new Error('no pixel data');
}

describe('toSamples', () => {
  const format = (changes: Partial<PixelFormat>): PixelFormat => ({
    rows: 1,
    columns: 4,
    samplesPerPixel: 1,
    photometric: 'MONOCHROME2',
    planarConfiguration: 0,
    bitsAllocated: 16,
    bitsStored: 12,
    highBit: 11,
    signed: false,
    ...changes,
  });
  const words = (...values: number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);

  it('drops bits above BitsStored and extends the sign from HighBit', () => {
    expect([...toSamples(words(0xf123, 0x0fff, 0xf800, 7), format({}))]).toEqual([0x123, 0xfff, 0x800, 7]);
    expect([...toSamples(words(0x0fff, 0x0800, 0xf7ff, 7), format({ signed: true }))]).toEqual([-1, -2048, 2047, 7]);
    const shifted = format({ highBit: 15, signed: true });
    expect([...toSamples(words(0xfff0, 0x8001, 0x7ff2, 0x0010), shifted)]).toEqual([-1, -2048, 2047, 1]);
  });

  it('keeps whole words, bytes and unaligned input', () => {
    const bytes = new Uint8Array(9);
    bytes.set(words(1, 65535, 3, 4), 1);
    const whole = format({ bitsStored: 16, highBit: 15 });
    expect([...toSamples(bytes.subarray(1), whole)]).toEqual([1, 65535, 3, 4]);
    expect([...toSamples(bytes.subarray(1), { ...whole, signed: true })]).toEqual([1, -1, 3, 4]);
    const byte = format({ bitsAllocated: 8, bitsStored: 8, highBit: 7, signed: true });
    expect([...toSamples(Uint8Array.from([0, 127, 128, 255]), byte)]).toEqual([0, 127, -128, -1]);
  });
});

describe('colour', () => {
  const format = { rows: 1, columns: 2 } as PixelFormat;

  it('turns planes and luminance with chrominance into RGB', () => {
    expect([...toRgb(Uint8Array.from([1, 2, 3, 4, 5, 6]), 'RGB', 1, format)]).toEqual([1, 3, 5, 2, 4, 6]);
    // the primaries of PS3.3 C.7.6.3.1.2
    expect([...toRgb(Uint8Array.from([76, 85, 255, 150, 44, 21]), 'YBR_FULL', 0, format)]).toEqual([
      254, 0, 0, 0, 255, 1,
    ]);
    expect([...toRgb(Uint8Array.from([10, 200, 128, 128]), 'YBR_FULL_422', 0, format)]).toEqual([
      10, 10, 10, 200, 200, 200,
    ]);
  });

  it('looks indexes up, and those outside the table at its ends', () => {
    const channel = (value: number): Uint8Array => Uint8Array.from([value, value + 1, value + 2]);
    const palette = { first: 10, channels: [channel(0), channel(100), channel(200)] } as const;
    expect([...applyPalette(Uint8Array.from([11, 3, 99]), palette)]).toEqual([1, 101, 201, 0, 100, 200, 2, 102, 202]);
  });
});

describe('streamImage', () => {
  it('finds the size behind other segments, and nothing in noise', () => {
    const jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc1, 0, 11, 12, 1, 2, 0, 100, 3, 0, 0, 0];
    expect(streamImage(Uint8Array.from(jpeg), 'jpeg')).toEqual({ rows: 258, columns: 100, components: 3 });
    for (const codec of ['jpeg', 'jpeg-2000'] as const) {
      expect(streamImage(new Uint8Array(200), codec)).toBeUndefined();
      expect(streamImage(new Uint8Array(0), codec)).toBeUndefined();
    }
  });
});
