import { item, number, storedTexts, text, texts, type DicomDataset } from './dataset.js';
import type { ParsedInstance } from './parse.js';
import { transferSyntax } from './transfer-syntaxes.js';

/** How samples are stored (Image Pixel module, PS3.3 C.7.6.3). */
export interface PixelFormat {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  readonly photometric: string;
  /** 1: colour by plane, 0: colour by pixel */
  readonly planarConfiguration: number;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  /** stored values [low, high] that are no tissue (Pixel Padding Value and Range Limit, C.7.5.1.1.2) */
  readonly padding?: readonly [number, number];
}

/** Whether Pixel Data is usable as far as its length tells; `unknown` when only metadata is at hand. */
export type PixelDataState = 'present' | 'absent' | 'truncated' | 'unknown';

/** What grouping and loading need to know of one image instance. Holds nothing about the patient. */
export interface InstanceHeader {
  /** position in the list of sources, to find the bytes again */
  readonly source: number;
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly modality: string;
  readonly imageType: readonly string[];
  readonly instanceNumber?: number;
  readonly frameOfReferenceUid?: string;
  readonly numberOfFrames: number;
  readonly transferSyntaxUid: string;
  readonly lossy: boolean;
  readonly format: PixelFormat;
  readonly pixelData: PixelDataState;
}

/** Objects that carry Rows and Columns but are no images to segment: they describe or accompany images. */
const NOT_IMAGES = [
  '1.2.840.10008.5.1.4.1.1.66.', // segmentation, label map, registration, fiducials, real world value mapping
  '1.2.840.10008.5.1.4.1.1.481.', // radiotherapy
  '1.2.840.10008.5.1.4.1.1.30', // parametric map
  '1.2.840.10008.5.1.4.1.1.88.', // structured reports
  '1.2.840.10008.5.1.4.1.1.11.', // presentation states
  '1.2.840.10008.5.1.4.1.1.104.', // encapsulated documents
];

/** SOP classes of images (PS3.4 annex B.5); those not listed here are taken for images when they state a size. */
const IMAGES =
  /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.(1(\.[1-3].*)?|2(\.[12])?|3(\.1)?|4(\.[134])?|6(\.[12])?|7(\.[1-4])?|12\.[1-3](\.1)?|13\.1\.[1-5]|14\.[12]|20|77\.1\..*|128(\.1)?|130)$/;

/**
 * Whether a dataset without an image header must have lost it: an image class without a size, or neither a class nor
 * a file set (DICOMDIR). The parser itself does not tell when an element ends beyond the file.
 */
export function isCutOff(dataset: DicomDataset): boolean {
  const sopClassUid = text(dataset, '00080016');
  return sopClassUid === undefined ? dataset['00041220'] === undefined : IMAGES.test(sopClassUid);
}

/**
 * Header of an image instance.
 *
 * @param parsed from a file, or metadata of DICOMweb (then without `pixelData` and with `metadataOnly`)
 * @returns `undefined` for a DICOM object that is no image (structured report, segmentation, DICOMDIR ...)
 */
export function readHeader(
  parsed: Pick<ParsedInstance, 'dataset' | 'transferSyntaxUid' | 'pixelData'>,
  source: number,
  metadataOnly = false,
): InstanceHeader | undefined {
  const { dataset } = parsed;
  const sopClassUid = text(dataset, '00080016') ?? '';
  const rows = number(dataset, '00280010') ?? 0;
  const columns = number(dataset, '00280011') ?? 0;
  if (rows <= 0 || columns <= 0 || NOT_IMAGES.some((prefix) => sopClassUid.startsWith(prefix))) return undefined;
  const format = readPixelFormat(dataset, rows, columns);
  const numberOfFrames = Math.max(1, Math.trunc(number(dataset, '00280008') ?? 1));
  return {
    source,
    sopClassUid,
    sopInstanceUid: text(dataset, '00080018') ?? '',
    seriesInstanceUid: text(dataset, '0020000E') ?? '',
    modality: text(dataset, '00080060') ?? '',
    imageType: texts(dataset, '00080008'),
    instanceNumber: number(dataset, '00200013'),
    frameOfReferenceUid: text(dataset, '00200052'),
    numberOfFrames,
    transferSyntaxUid: parsed.transferSyntaxUid,
    lossy: transferSyntax(parsed.transferSyntaxUid).lossy === true || text(dataset, '00282110') === '01',
    format,
    pixelData: metadataOnly ? 'unknown' : pixelDataState(parsed.pixelData, format, numberOfFrames),
  };
}

function readPixelFormat(dataset: DicomDataset, rows: number, columns: number): PixelFormat {
  const bitsAllocated = number(dataset, '00280100') ?? 16;
  const bitsStored = number(dataset, '00280101') ?? bitsAllocated;
  const signed = number(dataset, '00280103') === 1;
  return {
    rows,
    columns,
    samplesPerPixel: number(dataset, '00280002') ?? 1,
    photometric: text(dataset, '00280004') ?? 'MONOCHROME2',
    planarConfiguration: number(dataset, '00280006') ?? 0,
    bitsAllocated,
    bitsStored,
    highBit: number(dataset, '00280102') ?? bitsStored - 1,
    signed,
    padding: readPadding(dataset, bitsAllocated, signed),
  };
}

function readPadding(dataset: DicomDataset, bits: number, signed: boolean): [number, number] | undefined {
  const value = number(dataset, '00280120');
  if (value === undefined) return undefined;
  // in implicit VR the sign of these values is not visible to the parser, so it follows the pixels
  const wrap = (stored: number): number => (signed && stored >= 2 ** (bits - 1) ? stored - 2 ** bits : stored);
  const ends = [wrap(value), wrap(number(dataset, '00280121') ?? value)];
  return [Math.min(...ends), Math.max(...ends)];
}

/** Bytes of one uncompressed frame as stored; YBR_FULL_422 shares chrominance between two pixels (C.7.6.3.1.2). */
export function nativeFrameBytes(format: PixelFormat): number {
  const samples = format.photometric === 'YBR_FULL_422' ? 2 : format.samplesPerPixel;
  return Math.ceil((format.rows * format.columns * samples * format.bitsAllocated) / 8);
}

function pixelDataState(
  pixelData: ParsedInstance['pixelData'],
  format: PixelFormat,
  numberOfFrames: number,
): PixelDataState {
  if (!pixelData) return 'absent';
  if (pixelData.encapsulated) return 'present'; // only decoding can tell
  return pixelData.value.length >= nativeFrameBytes(format) * numberOfFrames ? 'present' : 'truncated';
}

/** Rescale of one frame as `value = slope * stored + intercept`; `lut`: a Modality LUT replaces it (C.11.1). */
export interface Rescale {
  readonly slope: number;
  readonly intercept: number;
  readonly lut: boolean;
}

/** Rescale from the Modality LUT module or the Pixel Value Transformation item; `undefined` when neither is there. */
export function readRescale(dataset: DicomDataset): Rescale | undefined {
  if (item(dataset, '00283000')) return { slope: 1, intercept: 0, lut: true };
  const slope = decimal(dataset, '00281053');
  const intercept = decimal(dataset, '00281052');
  if (slope === undefined && intercept === undefined) return undefined;
  // a slope of 0 cannot be meant: it would make every pixel equal
  return { slope: slope === 0 ? 1 : (slope ?? 1), intercept: intercept ?? 0, lut: false };
}

/** NaN when something is stated that is no number: loading refuses it, rather than taking it for absent. */
function decimal(dataset: DicomDataset, tag: string): number | undefined {
  return number(dataset, tag) ?? (storedTexts(dataset, tag)[0] ? NaN : undefined);
}
