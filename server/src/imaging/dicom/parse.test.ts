import { deflateRawSync } from 'node:zlib';
import { makePhantom } from '../testing/phantom.js';
import { bytes, item, items, number, numbers, storedTexts, text, texts } from './dataset.js';
import { framesOf } from './frames.js';
import { readHeader } from './header.js';
import { isDicom, parsePart10, type ParsedInstance } from './parse.js';
import { CT_IMAGE, sliceElements, writeInstance, type Elements } from './testing/write-dicom.js';
import { DEFLATED_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN, IMPLICIT_LITTLE_ENDIAN } from './transfer-syntaxes.js';

const { volume } = makePhantom({ columns: 8, rows: 6, slices: 2, seed: 2 });
const [one] = sliceElements(volume, 4);
const stored = new Uint8Array(one['7FE00010']?.Value[0] as ArrayBuffer);
const file = writeInstance(one);

/** Where the dataset starts: behind the last element of group 2. */
function datasetStart(part10: Uint8Array): number {
  return 144 + new DataView(part10.buffer, part10.byteOffset).getUint32(140, true);
}

const summary = ({ dataset, pixelData }: ParsedInstance): unknown[] => [
  text(dataset, '00080016'),
  numbers(dataset, '00280030'),
  number(dataset, '00280010'),
  pixelData?.encapsulated,
  pixelData && [...pixelData.value],
];
const expected = [CT_IMAGE, [0.9, 0.8], 6, false, [...stored]];

describe('parsePart10', () => {
  it.each([
    ['explicit', file],
    ['implicit', writeInstance(one, IMPLICIT_LITTLE_ENDIAN)],
    ['big endian', writeInstance(one, EXPLICIT_BIG_ENDIAN)],
    ['without preamble', file.slice(132)],
    ['a bare explicit dataset', file.slice(datasetStart(file))],
    [
      'a bare implicit dataset',
      writeInstance(one, IMPLICIT_LITTLE_ENDIAN).slice(datasetStart(writeInstance(one, IMPLICIT_LITTLE_ENDIAN))),
    ],
    // a view with an offset into a larger buffer, as network and file reads give
    ['part of a larger buffer', viewInto(file)],
  ])('%s', (_, input) => {
    expect(isDicom(input)).toBe(true);
    const parsed = parsePart10(input);
    expect(summary(parsed)).toEqual(expected);
    expect(parsed.complete).toBe(true);
  });

  it('does not trust the stated length of the file meta', () => {
    const wrong = file.slice();
    new DataView(wrong.buffer).setUint32(140, 4, true);
    expect(summary(parsePart10(wrong))).toEqual(expected);
  });

  it('inflates a deflated dataset, and refuses a damaged one', () => {
    const plain = writeInstance(one);
    const start = datasetStart(plain);
    const declared = writeInstance(one, DEFLATED_LITTLE_ENDIAN);
    const head = declared.slice(0, datasetStart(declared));
    const packed = deflateRawSync(plain.subarray(start));
    const deflated = new Uint8Array(Buffer.concat([head, packed]));
    expect(summary(parsePart10(deflated))).toEqual(expected);
    const damaged = new Uint8Array(Buffer.concat([head, packed.subarray(0, packed.length >> 1)]));
    expect(() => parsePart10(damaged)).toThrow(expect.objectContaining({ code: 'dicom-unreadable' }) as Error);
  });

  it('stops at the pixel data of the image, not of its icon', () => {
    const icon: Elements = {
      '00280010': { vr: 'US', Value: [2] },
      '00280011': { vr: 'US', Value: [2] },
      '7FE00010': { vr: 'OB', Value: [new Uint8Array(4).buffer] },
    };
    const parsed = parsePart10(writeInstance({ ...one, '00880200': { vr: 'SQ', Value: [icon] } }));
    expect(summary(parsed)).toEqual(expected);
  });

  it('tells what is no DICOM, and a file meta that is cut off', () => {
    for (const other of [new Uint8Array(0), new Uint8Array(4000), new TextEncoder().encode('x'.repeat(500))]) {
      expect(isDicom(other)).toBe(false);
      expect(() => parsePart10(other)).toThrow(expect.objectContaining({ code: 'dicom-unreadable' }) as Error);
    }
    // within a value, and within the tag of the next element
    for (const end of [157, 160, 170]) {
      const cut = file.slice(0, end);
      expect(isDicom(cut)).toBe(true);
      expect(() => parsePart10(cut)).toThrow(expect.objectContaining({ code: 'dicom-unreadable' }) as Error);
    }
  });

  it('says when pixel data is shorter than declared', () => {
    const parsed = parsePart10(file.slice(0, file.length - 10));
    expect(readHeader(parsed, 0)?.pixelData).toBe('truncated');
    expect(readHeader(parsePart10(writeInstance({ ...one, '7FE00010': undefined })), 0)?.pixelData).toBe('absent');
  });
});

function viewInto(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length + 20);
  larger.set(bytes, 7);
  return larger.subarray(7, 7 + bytes.length);
}

describe('dataset access', () => {
  const dataset = {
    '00200032': { vr: 'DS', Value: [1.5, -2, 3], _rawValue: ['1.50', '-2 ', '3.000'] },
    '00200037': { vr: 'DS', Value: [1, null, 0] },
    '00080008': { vr: 'CS', Value: ['ORIGINAL ', 'PRIMARY\0'] },
    '52009229': { vr: 'SQ', Value: [{ '00080060': { vr: 'CS', Value: ['CT'] } }] },
    '00281201': { vr: 'OW', Value: [new Uint8Array([1, 2]).buffer] },
    '00200013': { vr: 'IS', Value: [] },
  };

  it('gives values of the right kind, or nothing', () => {
    expect(numbers(dataset, '00200032')).toEqual([1.5, -2, 3]);
    expect(storedTexts(dataset, '00200032')).toEqual(['1.50', '-2', '3.000']);
    expect(storedTexts(dataset, '00080008')).toEqual(['ORIGINAL', 'PRIMARY']);
    expect(numbers(dataset, '00200037')).toBeUndefined();
    expect(texts(dataset, '00080008')).toEqual(['ORIGINAL', 'PRIMARY']);
    expect(text(item(dataset, '52009229') ?? {}, '00080060')).toBe('CT');
    expect(items(dataset, '00281201')).toEqual([]);
    expect([...(bytes(dataset, '00281201') ?? [])]).toEqual([1, 2]);
    for (const tag of ['00200013', '0020000E']) {
      expect([number(dataset, tag), numbers(dataset, tag), text(dataset, tag)]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    }
  });
});

describe('readHeader and framesOf', () => {
  const sequence = (...datasets: Elements[]): { vr: string; Value: unknown[] } => ({ vr: 'SQ', Value: datasets });
  const ds = (...values: string[]): { vr: string; Value: unknown[] } => ({ vr: 'DS', Value: values });

  it('take geometry and rescale of multi-frame objects from the functional groups, the own ones first', () => {
    const placed = (z: string): Elements => ({
      '00209113': sequence({ '00200032': ds('1.0', '2', z) }),
      '00209111': sequence({ '00209056': { vr: 'SH', Value: ['7'] }, '00209128': { vr: 'UL', Value: [3] } }),
    });
    const shared: Elements = {
      '00289110': sequence({ '00280030': ds('0.5', '0.25'), '00180050': ds('2') }),
      '00209116': sequence({ '00200037': ds('1', '0', '0', '0', '1', '0') }),
      '00289145': sequence({ '00281053': ds('2'), '00281052': ds('-5') }),
    };
    const own = { ...placed('9.50'), '00289145': sequence({ '00281053': ds('3'), '00281052': ds('1') }) };
    const parsed = parsePart10(
      writeInstance({
        ...one,
        '00200032': undefined,
        '00200037': undefined,
        '00280008': { vr: 'IS', Value: ['2'] },
        '52009229': sequence(shared),
        '52009230': sequence(placed('8'), own),
      }),
    );
    const header = readHeader(parsed, 3);
    if (!header) throw new Error('no header');
    const [first, second] = framesOf(parsed.dataset, header);
    expect(first).toMatchObject({
      frameNumber: 1,
      position: [1, 2, 8],
      orientation: { row: [1, 0, 0], column: [0, 1, 0] },
      pixelSpacing: [0.5, 0.25],
      sliceThickness: 2,
      rescale: { slope: 2, intercept: -5, lut: false },
      phase: { stack: '7', 'temporal position': '3' },
    });
    expect(second).toMatchObject({
      frameNumber: 2,
      positionText: ['1.0', '2', '9.50'],
      rescale: { slope: 3, intercept: 1 },
    });
  });

  it('hold nothing about the patient', () => {
    const parsed = parsePart10(file);
    const header = readHeader(parsed, 0);
    expect(JSON.stringify([header, header && framesOf(parsed.dataset, header)])).not.toMatch(/Phantom/);
  });

  it('read padding with the sign of the pixels, and leave out what is no image', () => {
    const padded = (value: number, representation: number): unknown =>
      readHeader(
        parsePart10(
          writeInstance(
            { ...one, '00280103': { vr: 'US', Value: [representation] }, '00280120': { vr: 'US', Value: [value] } },
            IMPLICIT_LITTLE_ENDIAN,
          ),
        ),
        0,
      )?.format.padding;
    expect(padded(63536, 1)).toEqual([-2000, -2000]);
    expect(padded(63536, 0)).toEqual([63536, 63536]);
    const segmentation = { ...one, '00080016': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.66.4'] } };
    expect(readHeader(parsePart10(writeInstance(segmentation)), 0)).toBeUndefined();
  });
});
