import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sharedData } from '@medsam2/models/testing';

/** One series of the shared data, and what is to come of it. */
export interface Case {
  /** file or folder below the shared data */
  readonly path: string;
  /** code of the refusal, when the session is made or while it loads; absent: it is segmented and saved */
  readonly refused?: string;
  /** volume to choose where the series holds several; without a choice it is refused with `several-volumes` */
  readonly volume?: number;
  /** findings that a person overrules; without that it is refused with the first of them */
  readonly overrule?: readonly string[];
  /** what dcmqi makes of the segmentation; absent: not asked (no place in space) */
  readonly dcmqi?: 'reads' | 'refuses';
  /** highdicom makes a volume only of evenly spaced, upright slices in a frame of reference */
  readonly even?: boolean;
  /** errors of dciodvfy that come from values of the source, which are copied as they are */
  readonly inherited?: readonly RegExp[];
  /** the command line does the same on the files */
  readonly cli?: boolean;
}

const data = sharedData();
const inSpace = { dcmqi: 'reads', even: true } as const;

/** Identifiers, dates and times as before DICOM 3. */
const oldIdentity = [
  /"999\.999\.|<999\.999\./,
  /<\d{4}\.\d\d\.\d\d>|<\d\d:\d\d:\d\d>/,
  /dataset contains invalid data/,
];

const series: readonly Case[] = [
  { path: 'ct_chest_3mm/dicom', ...inSpace, cli: true },
  { path: 'ct_body_j2k/dicom', ...inSpace },
  { path: 'ct_ge_3slice/dicom', ...inSpace },
  { path: 'ct_head_tilt/dicom', dcmqi: 'refuses', inherited: [/DeidentificationMethod/] },
  { path: 'mr_abdomen_3mm/dicom', ...inSpace },
  { path: 'mr_brain_tumour/dicom', ...inSpace },
  { path: 'mr_breast_crop/dicom', ...inSpace },
  { path: 'mr_sagittal/dicom', ...inSpace },
  { path: 'mr_4d_ge_epi/dicom', volume: 3, ...inSpace },
  { path: 'mr_4d_siemens_mosaic/dicom', refused: 'mosaic' },
  { path: 'synth_ct/dicom', ...inSpace, cli: true },
  { path: 'synth_pet/dicom', ...inSpace },
  { path: 'synth_us/dicom' },
  { path: 'endo_clip/dicom' },
  { path: 'us_multiframe/cardiac_30f_ybr422.dcm' },
  { path: 'us_multiframe/echo_10f_rle_palette.dcm', inherited: oldIdentity },
  { path: 'us_multiframe/echo_10f_jpegls_palette.dcm', inherited: oldIdentity },
  { path: 'us_multiframe/xa_96f_jpeg_fragments.dcm' },
  { path: 'enhanced/eCT_Supplemental.dcm', ...inSpace },
  { path: 'enhanced/ct_2f_fragmented_no_bot_jpeg_extended.dcm', ...inSpace },
  { path: 'enhanced/emri_small.dcm', overrule: ['no-geometry'] },
  { path: 'enhanced/emri_small_RLE.dcm', overrule: ['no-geometry'] },
  { path: 'enhanced/emri_small_jpeg_ls_lossless.dcm', overrule: ['no-geometry'] },
  { path: 'enhanced/emri_small_jpeg_2k_lossless.dcm', overrule: ['no-geometry'] },
  { path: 'enhanced/emri_small_big_endian.dcm', overrule: ['no-geometry'] },
  { path: 'enhanced/mr_knee_19f_temporal.dcm' },
  { path: 'enhanced/siemens_xa10_6f', volume: 2, ...inSpace },
  {
    path: 'pixel_formats/cr_monochrome1_modality_lut_jpll.dcm',
    inherited: oldIdentity,
  },
  { path: 'pixel_formats/pt_single_slice_jpll.dcm', dcmqi: 'reads' },
];

/** Variants of one CT (awkward/manifest.json) that are not simply segmented. */
const odd: Readonly<Record<string, Omit<Case, 'path'>>> = {
  no_geometry: { refused: 'no-geometry' },
  one_slice_other_size: { refused: 'mixed-sizes' },
  two_frames_of_reference: { refused: 'several-frames-of-reference' },
  truncated_pixels: { refused: 'truncated-pixel-data' },
  two_slices_without_pixels: { refused: 'no-pixel-data' },
  four_d_two_phases: { volume: 1, ...inSpace },
  mixed_orientations: { volume: 0, ...inSpace },
  gantry_tilt: { dcmqi: 'refuses' },
  missing_slice: { dcmqi: 'reads' },
  nonuniform_spacing: { dcmqi: 'reads' },
  spacing_jitter: { dcmqi: 'reads' },
  single_slice: { dcmqi: 'reads' },
  no_frame_of_reference: {},
  no_pixel_spacing: { overrule: ['no-pixel-spacing'] },
};

interface Variant {
  readonly expect: string;
}
const manifest =
  data === undefined
    ? {}
    : (JSON.parse(readFileSync(join(data, 'awkward', 'manifest.json'), 'utf8')) as Record<string, Variant>);
const awkward = Object.keys(manifest).map((name): Case => ({
  path: `awkward/${name}/dicom`,
  ...(odd[name] ?? inSpace),
}));

const imagesIn = (folder: string): string[] =>
  data === undefined
    ? []
    : readdirSync(join(data, folder))
        .map((name) => `${folder}/${name}`)
        .filter((path) => statSync(join(data, path)).isFile() && !/README|\.txt$|\.json$/.test(path));

/** Folders whose files are series of their own: one image in many encodings, and oddities of single images. */
const oddImages: Readonly<Record<string, Omit<Case, 'path'>>> = {
  'charsets/chrJapMulti.dcm': { refused: 'no-pixel-data' },
  'charsets/chrJapMultiExplicitIR6.dcm': { refused: 'no-pixel-data' },
  'charsets/chrKoreanMulti.dcm': { refused: 'no-pixel-data' },
  'transfer_syntaxes/misc/JPEG-LL.dcm': { overrule: ['no-geometry'] },
  'transfer_syntaxes/misc/JPEG2000_UNC.dcm': { overrule: ['no-geometry'] },
  'transfer_syntaxes/misc/ExplVR_BigEnd.dcm': { inherited: oldIdentity },
  'transfer_syntaxes/misc/OT-PAL-8-face.dcm': { inherited: oldIdentity },
  'transfer_syntaxes/misc/SC_rgb_16bit.dcm': { refused: 'unsupported-pixel-format' },
};
/** Orthanc 1.10 does not take them, or they are no images. */
const noImages = /HTJ2K|JLS[LN]_|MR_truncated|no_meta|chrSQEncoding/;
const images = [
  ...imagesIn('transfer_syntaxes/ct_512').map((path): Case => ({ path, dcmqi: 'reads' })),
  ...imagesIn('pixel_formats/mr_12bit').map((path): Case => ({ path, refused: 'mosaic' })),
  ...imagesIn('transfer_syntaxes/mr_mosaic_384')
    .slice(0, 2)
    .map((path): Case => ({ path, refused: 'mosaic' })),
  ...[...imagesIn('charsets'), ...imagesIn('transfer_syntaxes/misc')]
    .filter((path) => !noImages.test(path))
    .map((path): Case => ({ path, ...oddImages[path] })),
];

export const cases: readonly Case[] = data === undefined ? [] : [...series, ...awkward, ...images];

/** What the manifest says of a variant; undefined for other cases. */
export const manifestSays = (path: string): string | undefined =>
  path.startsWith('awkward/') ? manifest[path.split('/')[1]].expect : undefined;

export const dataPath = (path: string): string => join(data ?? '', path);

export const filesOf = (path: string): string[] =>
  statSync(dataPath(path)).isFile()
    ? [dataPath(path)]
    : readdirSync(dataPath(path))
        .map((name) => dataPath(`${path}/${name}`))
        .filter((file) => statSync(file).isFile());
