import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedData, testPython } from '@medsam2/models/testing';
import { writeSeg, type SegObject, type SegRequest, type SegSource } from '@medsam2/server/segmentation';
import { repositoryRoot } from '../../support/root.js';
import { validatorComplaints } from './dciodvfy.js';
import { requestOf, segmentOf, stripes } from './requests.js';
import { folderSource, phantomSource } from './sources.js';

/**
 * Segmentations of all kinds of sources, read by tools of others: dciodvfy (structure), pydicom and highdicom (voxels,
 * references, positions), dcmqi (voxels on an ITK grid).
 */
interface Case {
  readonly name: string;
  readonly source: () => SegSource | Promise<SegSource>;
  readonly request?: (source: SegSource) => SegRequest;
  /** highdicom makes a volume only of evenly spaced, upright slices in a frame of reference */
  readonly volume?: boolean;
  /** dcmqi: absent where it does not apply (no place in space, label maps) */
  readonly dcmqi?: 'reads' | 'refuses';
  /** errors of dciodvfy that come from values of the source, which are copied as they are */
  readonly inherited?: readonly RegExp[];
}

const data = sharedData();
const shared = (path: string, slices?: number) => (): Promise<SegSource> =>
  folderSource(join(data ?? '', path), slices);
const twoStripes = (source: SegSource): SegRequest => requestOf(source, stripes(source, 2));
const everyThird = (source: SegSource): readonly number[] =>
  Array.from({ length: source.geometry.slices }, (_, slice) => slice).filter((slice) => slice % 3 === 1);

const phantoms: readonly Case[] = [
  {
    name: '23 x 38 pixels, frames that do not end on bytes',
    source: () => phantomSource({ columns: 23, rows: 38, slices: 7 }),
    volume: true,
    dcmqi: 'reads',
  },
  {
    name: '511 x 513 pixels',
    source: () => phantomSource({ columns: 511, rows: 513, slices: 2, noise: 0 }),
    volume: true,
    dcmqi: 'reads',
  },
  {
    name: 'a single pixel in a single slice',
    source: () => phantomSource({ columns: 5, rows: 3, slices: 1 }),
    request: (source) =>
      requestOf(source, [segmentOf('Dot', new Map([[0, Uint8Array.from({ length: 15 }, (_, i) => Number(i === 7))]]))]),
    dcmqi: 'reads',
  },
  {
    name: 'twenty segments',
    source: () => phantomSource({ columns: 61, rows: 19, slices: 4 }),
    request: (source) => requestOf(source, stripes(source, 20)),
    volume: true,
    dcmqi: 'reads',
  },
  {
    name: 'overlapping segments',
    source: () => phantomSource({ columns: 33, rows: 21, slices: 5 }),
    request: (source) => requestOf(source, stripes(source, 3, { overlapping: true })),
    volume: true,
    dcmqi: 'reads',
  },
  {
    name: 'segments on few slices, and empty ones',
    source: () => phantomSource({ columns: 40, rows: 30, slices: 9 }),
    request: (source) =>
      requestOf(source, [
        segmentOf('Nothing', new Map()),
        ...stripes(source, 2, { slices: (segment) => (segment === 0 ? [1, 4] : [7]) }),
        segmentOf('Empty masks', new Map([[2, new Uint8Array(1200)]])),
      ]),
    volume: true,
    dcmqi: 'reads',
  },
  {
    name: 'an oblique stack with long decimals',
    source: () =>
      phantomSource({
        columns: 20,
        rows: 24,
        slices: 6,
        spacing: [0.7, 0.9, 2.5],
        origin: [-101.123456, 12.654321, -300.5],
        direction: [0.9659258, 0, 0.258819, 0, 1, 0, -0.258819, 0, 0.9659258],
      }),
    volume: true,
    dcmqi: 'reads',
  },
  {
    name: 'a label map of 8 bits',
    source: () => phantomSource({ columns: 23, rows: 37, slices: 5 }),
    request: (source) => requestOf(source, stripes(source, 4), { format: 'labelmap' }),
    volume: true,
  },
  {
    name: 'a label map of 16 bits',
    source: () => phantomSource({ columns: 300, rows: 5, slices: 2 }),
    request: (source) => requestOf(source, stripes(source, 300), { format: 'labelmap' }),
    volume: true,
  },
];

/** A variant of one CT, with one oddity (awkward/manifest.json of the shared data). */
const awkward = (variant: string): Case => ({
  name: `CT variant ${variant}`,
  source: shared(`awkward/${variant}/dicom`),
  volume: true,
  dcmqi: 'reads',
});

const ofSharedData: readonly Case[] = [
  { name: 'CT', source: shared('ct_chest_3mm/dicom'), volume: true, dcmqi: 'reads' },
  { name: 'CT, three slices, signed', source: shared('ct_ge_3slice/dicom'), volume: true, dcmqi: 'reads' },
  { name: 'CT, JPEG 2000, overlapping slices', source: shared('ct_body_j2k/dicom'), volume: true, dcmqi: 'reads' },
  {
    name: 'CT, gantry tilt and uneven slices',
    source: shared('ct_head_tilt/dicom'),
    request: (source) => requestOf(source, stripes(source, 1, { slices: () => [3, 4, 20] })),
    dcmqi: 'refuses',
    inherited: [/DeidentificationMethod/],
  },
  { name: 'MR, sagittal', source: shared('mr_sagittal/dicom'), volume: true, dcmqi: 'reads' },
  { name: 'MR, breast', source: shared('mr_breast_crop/dicom'), volume: true, dcmqi: 'reads' },
  {
    name: 'MR, on every third slice',
    source: shared('mr_brain_tumour/dicom'),
    request: (source) => requestOf(source, stripes(source, 1, { slices: () => everyThird(source) })),
    volume: true,
    dcmqi: 'reads',
  },
  { name: 'PET', source: shared('synth_pet/dicom'), volume: true, dcmqi: 'reads' },
  ...['reversed_instance_number', 'rows_upwards', 'rot180_in_plane', 'coronal', 'double_oblique', 'odd_matrix'].map(
    awkward,
  ),
  ...['position_noise_tiny', 'no_thickness_wrong_spacing_tag', 'type2_attributes_absent', 'unicode_names'].map(awkward),
  ...['iso2022_names', 'uids_of_64_characters', 'enhanced_ct', 'enhanced_ct_shuffled', 'two_slices'].map(awkward),
  { ...awkward('single_slice'), volume: false },
  { ...awkward('missing_slice'), volume: false, dcmqi: 'reads' },
  { ...awkward('nonuniform_spacing'), volume: false, dcmqi: 'reads' },
  { ...awkward('gantry_tilt'), volume: false, dcmqi: 'refuses' },
  { ...awkward('no_frame_of_reference'), volume: false, dcmqi: undefined },
  { name: 'enhanced CT', source: shared('enhanced/eCT_Supplemental.dcm'), volume: true, dcmqi: 'reads' },
  { name: 'enhanced MR', source: shared('enhanced/siemens_xa10_6f'), volume: true, dcmqi: 'reads' },
  { name: 'enhanced MR, one place at 19 times', source: shared('enhanced/mr_knee_19f_temporal.dcm') },
  { name: 'ultrasound clip', source: shared('synth_us/dicom') },
  { name: 'ultrasound clip in colour', source: shared('us_multiframe/cardiac_30f_ybr422.dcm') },
  { name: 'endoscopy clip in colour', source: shared('endo_clip/dicom') },
  {
    name: 'angiography',
    source: shared('us_multiframe/xa_96f_jpeg_fragments.dcm'),
    request: (source) => requestOf(source, stripes(source, 1, { slices: () => [0, 50, 95] })),
  },
  {
    name: 'label map of a clip',
    source: shared('synth_us/dicom'),
    request: (source) => requestOf(source, stripes(source, 2), { format: 'labelmap' }),
  },
];

const cases = data ? [...phantoms, ...ofSharedData] : phantoms;
const CONTROL = 'control';
const folder = mkdtempSync(join(tmpdir(), 'medsam2-seg-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Written {
  readonly path: string;
  readonly object: SegObject;
  readonly request: SegRequest;
}
const written = new Map<string, Written>();
let answers: Record<string, readonly string[] | undefined> = {};
const python = testPython();

beforeAll(async () => {
  for (const [index, one] of cases.entries()) {
    const request = (one.request ?? twoStripes)(await one.source());
    const object = writeSeg(request);
    const path = join(folder, `${index}.dcm`);
    writeFileSync(path, object.bytes);
    written.set(one.name, { path, object, request });
  }
  if (!python) return;
  const script = join(repositoryRoot(), 'tests/src/server/segmentation/read_segs.py');
  const run = spawnSync(python, [script], {
    input: JSON.stringify([...cases.map(expectation), wrongExpectation()]),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (run.status !== 0) throw new Error(`Python failed: ${run.stderr}`);
  answers = JSON.parse(run.stdout) as typeof answers;
}, 600_000);

/** What the readers are to find, for read_segs.py. */
function expectation(one: Case): object {
  const { path, request } = find(one.name);
  const { geometry, sliceSources, attributes } = request.source;
  const kept = request.segments.filter((segment) => segment.slices.some((slice) => segment.mask(slice).includes(1)));
  const frames = kept.flatMap(({ slices }, index) => slices.map((slice) => [index + 1, slice] as const));
  const masks = `${path}.masks`;
  writeFileSync(masks, Buffer.concat(frames.map(([segment, slice]) => kept[segment - 1].mask(slice))));
  const isInSpace = sliceSources.every(
    ({ sopInstanceUid, imagePosition }) => imagePosition && attributes.get(sopInstanceUid)?.['00200052'],
  );
  const column = (index: number): number[] => [0, 3, 6].map((row) => geometry.direction[row + index]);
  return {
    name: one.name,
    seg: path,
    masks,
    frames,
    rows: geometry.rows,
    columns: geometry.columns,
    sources: sliceSources.map(({ sopInstanceUid, frameNumber }) => [sopInstanceUid, frameNumber ?? null]),
    positions: isInSpace ? sliceSources.map(({ imagePosition }) => imagePosition) : null,
    spacing: geometry.spacing,
    rowDirection: column(0),
    columnDirection: column(1),
    labelmap: request.format === 'labelmap',
    volume: one.volume ?? false,
    dcmqi: one.dcmqi ?? null,
  };
}

/** One pixel and one position are not what was written: every reader must say so, or it compared nothing. */
function wrongExpectation(): object {
  const right = expectation(phantoms[0]) as { masks: string; positions: string[][] };
  const masks = `${right.masks}.wrong`;
  const bytes = readFileSync(right.masks);
  bytes[5] ^= 1;
  writeFileSync(masks, bytes);
  const positions = right.positions.map(([x, y, z], slice) => (slice === 3 ? [x, `${y}1`, z] : [x, y, z]));
  return { ...right, name: CONTROL, masks, positions };
}

function find(name: string): Written {
  const found = written.get(name);
  if (!found) throw new Error(`${name} was not written`);
  return found;
}

describe.each(cases)('$name', ({ name, inherited = [] }) => {
  it('has no error for dciodvfy', () => {
    const { path, request } = find(name);
    // dciodvfy of 2022 does not know the class of label maps
    if (request.format === 'labelmap') return;
    const complaints = validatorComplaints(path);
    if (!complaints) return;
    const unexpected = complaints.errors.filter((line) => !inherited.some((pattern) => pattern.test(line)));
    expect(unexpected).toEqual([]);
    expect(complaints.unknownWarnings).toEqual([]);
  });

  (python ? it : it.skip)('is read alike by pydicom, highdicom and dcmqi', () => {
    expect(answers[name]).toEqual([]);
  });
});

(python ? it : it.skip)('the readers find a wrong pixel and a wrong position', () => {
  const found = answers[CONTROL] ?? [];
  for (const reader of ['pydicom', 'highdicom', 'dcmqi']) {
    expect(found.some((line) => line.startsWith(`${reader}: segment 1 differs`))).toBe(true);
  }
  expect(found.some((line) => line.startsWith('pydicom: slice 3 lies at'))).toBe(true);
});

it('dciodvfy finds damage', () => {
  const path = join(folder, 'damaged.dcm');
  const { object } = find(phantoms[0].name);
  writeFileSync(
    path,
    Buffer.from(Buffer.from(object.bytes).toString('latin1').replace('MONOCHROME2', 'MONOCHROME9'), 'latin1'),
  );
  expect(validatorComplaints(path)?.errors).not.toEqual([]);
});

it('covers the shared data where they are', () => {
  expect(cases.length).toBe(data ? phantoms.length + ofSharedData.length : phantoms.length);
});
