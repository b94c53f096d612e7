import { packFrame } from './bits.js';
import { tagOf, type Keyword } from './attributes.js';
import { changed, itemsIn, set, type Changeable } from './testing/changed.js';
import { requestOf, segmentOf, stripes } from './testing/requests.js';
import { phantomSource } from './testing/sources.js';
import { validateSeg } from './validate.js';
import { writeSeg } from './write.js';

// 221 pixels a frame: frames do not begin on bytes; three segments on four slices, the second and third overlapping
const source = phantomSource({ columns: 17, rows: 13, slices: 4 });
const [, second, third] = stripes(source, 3, { overlapping: true });
const [first] = stripes(source, 3);
const binary = writeSeg(
  requestOf(source, [first, second, third], {
    replaces: { seriesInstanceUid: '2.25.7', sopInstanceUid: '2.25.8', sopClassUid: '1.2.840.10008.5.1.4.1.1.66.4' },
  }),
).bytes;
const labels = writeSeg(requestOf(source, stripes(source, 3), { format: 'labelmap' })).bytes;
const FRAMES = 12;

const codes = (bytes: Uint8Array): string[] => validateSeg(bytes, source).map(({ code }) => code);
const frame = (dataset: Changeable, index: number): Changeable =>
  itemsIn(dataset, 'PerFrameFunctionalGroupsSequence')[index];
const group = (dataset: Changeable, index: number, keyword: Keyword): Changeable =>
  itemsIn(frame(dataset, index), keyword)[0];
const shared = (dataset: Changeable, keyword: Keyword): Changeable =>
  itemsIn(itemsIn(dataset, 'SharedFunctionalGroupsSequence')[0], keyword)[0];
const segment = (dataset: Changeable, index: number): Changeable => itemsIn(dataset, 'SegmentSequence')[index];
const code = (dataset: Changeable, keyword: Keyword): Changeable => itemsIn(segment(dataset, 0), keyword)[0];
const pixels = (dataset: Changeable): Uint8Array => (dataset[tagOf('PixelData')].Value as Uint8Array[])[0];
const image = (dataset: Changeable, index: number): Changeable =>
  itemsIn(group(dataset, index, 'DerivationImageSequence'), 'SourceImageSequence')[0];

describe('a good object', () => {
  it('has no problem', () => {
    expect(validateSeg(binary, source)).toEqual([]);
    expect(validateSeg(labels, source)).toEqual([]);
    expect(validateSeg(binary)).toEqual([]);
  });

  it('may name images by identifiers that are none, with the images at hand and without', () => {
    const source = phantomSource({}, (elements, slice) => {
      elements['00080018'] = { vr: 'UI', Value: [`999.01.${slice}`] };
      elements['0020000E'] = { vr: 'UI', Value: ['999.02.1'] };
    });
    const { bytes } = writeSeg(requestOf(source, stripes(source, 1)));
    expect(validateSeg(bytes, source)).toEqual([]);
    expect(validateSeg(bytes)).toEqual([]);
  });

  it('is the same after it was read and written again', () => {
    expect(
      Buffer.compare(
        changed(binary, () => undefined),
        binary,
      ),
    ).toBe(0);
    expect(
      Buffer.compare(
        changed(labels, () => undefined),
        labels,
      ),
    ).toBe(0);
  });
});

type Mutation = readonly [what: string, expected: string, change: (dataset: Changeable) => void];

const attributes: readonly Mutation[] = [
  ...(
    [
      ...(['SpecificCharacterSet', 'SOPClassUID', 'SOPInstanceUID', 'StudyInstanceUID', 'SeriesInstanceUID'] as const),
      ...(['Modality', 'SeriesNumber', 'Manufacturer', 'ManufacturerModelName', 'DeviceSerialNumber'] as const),
      ...(['SoftwareVersions', 'InstanceNumber', 'ContentDate', 'ContentTime', 'ContentLabel', 'ImageType'] as const),
      ...(['SegmentationType', 'SegmentSequence', 'LossyImageCompression', 'SamplesPerPixel'] as const),
      ...(['PhotometricInterpretation', 'NumberOfFrames', 'Rows', 'Columns', 'BitsAllocated'] as const),
      ...(['BitsStored', 'HighBit', 'PixelRepresentation', 'SharedFunctionalGroupsSequence'] as const),
      ...(['PerFrameFunctionalGroupsSequence', 'DimensionOrganizationSequence'] as const),
      ...(['DimensionIndexSequence', 'ReferencedSeriesSequence', 'SegmentsOverlap'] as const),
      ...(['ContributingEquipmentSequence', 'PatientName', 'PatientID', 'PatientBirthDate', 'PatientSex'] as const),
      ...(['StudyDate', 'StudyTime', 'AccessionNumber', 'StudyID', 'ReferringPhysicianName'] as const),
      ...(['ContentDescription', 'ContentCreatorName', 'PositionReferenceIndicator'] as const),
    ] satisfies Keyword[]
  ).map((keyword): Mutation => [`no ${keyword}`, 'attribute-missing', (dataset) => set(dataset, keyword)]),
  ...(['DeviceSerialNumber', 'SoftwareVersions', 'Manufacturer'] as const).map((keyword): Mutation => [
    `an empty ${keyword}`,
    'attribute-missing',
    (dataset) => set(dataset, keyword, ''),
  ]),
  ...(
    [
      ['Modality', 'CT'],
      ['ImageType', 'ORIGINAL'],
      ['SOPClassUID', '1.2.840.10008.5.1.4.1.1.66.7'],
      ['SegmentationType', 'FRACTIONAL'],
      ['PhotometricInterpretation', 'MONOCHROME1'],
      ['SpecificCharacterSet', 'ISO_IR 100'],
      ['LossyImageCompression', '02'],
      ['SamplesPerPixel', 3],
      ['BitsAllocated', 8],
      ['BitsStored', 8],
      ['HighBit', 7],
      ['PixelRepresentation', 1],
      ['Rows', 0],
      ['ContentLabel', 'lower case'],
      ['SeriesNumber', '7.5'],
      ['ContentDate', '2026.03.04'],
      ['ContentTime', '25'],
      ['SeriesInstanceUID', '1.02.3'],
      ['SeriesDescription', 'x'.repeat(65)],
    ] as const
  ).map(([keyword, value]): Mutation => [
    `${keyword} of ${String(value).slice(0, 12)}`,
    'attribute-value',
    (dataset) => set(dataset, keyword, value),
  ]),
  ['an attribute of another kind', 'attribute-vr', (dataset) => (dataset[tagOf('Rows')] = { vr: 'UL', Value: [13] })],
  [
    'an attribute of other objects',
    'attribute-unknown',
    (dataset) => (dataset['00180060'] = { vr: 'DS', Value: ['120'] }),
  ],
];

const segments: readonly Mutation[] = [
  ['a gap in the segment numbers', 'segment-number', (dataset) => set(segment(dataset, 2), 'SegmentNumber', 4)],
  ['a segment number twice', 'segment-number', (dataset) => set(segment(dataset, 2), 'SegmentNumber', 2)],
  ['a segment without label', 'segment-label', (dataset) => set(segment(dataset, 0), 'SegmentLabel')],
  ['no category', 'segment-terms', (dataset) => set(segment(dataset, 1), 'SegmentedPropertyCategoryCodeSequence')],
  ['no type', 'segment-terms', (dataset) => set(segment(dataset, 1), 'SegmentedPropertyTypeCodeSequence')],
  [
    'a colour of two numbers',
    'segment-colour',
    (dataset) => set(segment(dataset, 0), 'RecommendedDisplayCIELabValue', 1, 2),
  ],
  ['a tracking UID alone', 'segment-tracking', (dataset) => set(segment(dataset, 0), 'TrackingID')],
  ['a tracking ID alone', 'segment-tracking', (dataset) => set(segment(dataset, 0), 'TrackingUID')],
  [
    'an unknown algorithm type',
    'segment-algorithm',
    (dataset) => set(segment(dataset, 0), 'SegmentAlgorithmType', 'MAGIC'),
  ],
  ['no algorithm name', 'segment-algorithm', (dataset) => set(segment(dataset, 0), 'SegmentAlgorithmName')],
  [
    'an algorithm without version',
    'segment-algorithm',
    (dataset) =>
      set(itemsIn(segment(dataset, 0), 'SegmentationAlgorithmIdentificationSequence')[0], 'AlgorithmVersion'),
  ],
  [
    'equipment without purpose',
    'equipment',
    (dataset) => set(itemsIn(dataset, 'ContributingEquipmentSequence')[0], 'PurposeOfReferenceCodeSequence'),
  ],
  [
    'a code without meaning',
    'code-incomplete',
    (dataset) => set(code(dataset, 'SegmentedPropertyTypeCodeSequence'), 'CodeMeaning'),
  ],
  [
    'a code with a wrong check digit',
    'code-check-digit',
    (dataset) => set(code(dataset, 'SegmentedPropertyTypeCodeSequence'), 'CodeValue', '10200005'),
  ],
  [
    'a code of the retired scheme',
    'code-retired',
    (dataset) => set(code(dataset, 'SegmentedPropertyTypeCodeSequence'), 'CodingSchemeDesignator', 'SRT'),
  ],
  [
    'a segment called background',
    'background',
    (dataset) => {
      set(code(dataset, 'SegmentedPropertyTypeCodeSequence'), 'CodeValue', '125040');
      set(code(dataset, 'SegmentedPropertyTypeCodeSequence'), 'CodingSchemeDesignator', 'DCM');
    },
  ],
];

const frames: readonly Mutation[] = [
  ['another number of frames', 'frame-count', (dataset) => set(dataset, 'NumberOfFrames', '11')],
  [
    'a frame of no described segment',
    'frame-segment',
    (dataset) => set(group(dataset, 3, 'SegmentIdentificationSequence'), 'ReferencedSegmentNumber', 9),
  ],
  [
    'a frame of another segment',
    'dimension-index',
    (dataset) => set(group(dataset, 3, 'SegmentIdentificationSequence'), 'ReferencedSegmentNumber', 2),
  ],
  ['a frame without position', 'group-missing', (dataset) => set(frame(dataset, 5), 'PlanePositionSequence')],
  [
    'no orientation',
    'group-missing',
    (dataset) => set(itemsIn(dataset, 'SharedFunctionalGroupsSequence')[0], 'PlaneOrientationSequence'),
  ],
  [
    'no pixel measures',
    'group-missing',
    (dataset) => set(itemsIn(dataset, 'SharedFunctionalGroupsSequence')[0], 'PixelMeasuresSequence'),
  ],
  ['a frame without source image', 'group-missing', (dataset) => set(frame(dataset, 0), 'DerivationImageSequence')],
  [
    'an orientation both shared and in a frame',
    'group-twice',
    (dataset) => {
      const [one] = itemsIn(dataset, 'SharedFunctionalGroupsSequence');
      frame(dataset, 0)[tagOf('PlaneOrientationSequence')] = one[tagOf('PlaneOrientationSequence')];
    },
  ],
  ['positions without frame of reference', 'group-unexpected', (dataset) => set(dataset, 'FrameOfReferenceUID')],
  [
    'two items of shared groups',
    'groups-shared',
    (dataset) =>
      set(dataset, 'SharedFunctionalGroupsSequence', itemsIn(dataset, 'SharedFunctionalGroupsSequence')[0], {}),
  ],
  [
    'a skewed orientation',
    'frame-plane',
    (dataset) =>
      set(shared(dataset, 'PlaneOrientationSequence'), 'ImageOrientationPatient', '1', '0', '0', '1', '0', '0'),
  ],
  [
    'a pixel spacing of 0',
    'frame-plane',
    (dataset) => set(shared(dataset, 'PixelMeasuresSequence'), 'PixelSpacing', '0', '1'),
  ],
  [
    'a wrong spacing between slices',
    'slice-spacing',
    (dataset) => set(shared(dataset, 'PixelMeasuresSequence'), 'SpacingBetweenSlices', '2'),
  ],
  [
    'another derivation code',
    'frame-derivation',
    (dataset) =>
      set(itemsIn(group(dataset, 1, 'DerivationImageSequence'), 'DerivationCodeSequence')[0], 'CodeValue', '113072'),
  ],
  [
    'another purpose of reference',
    'frame-derivation',
    (dataset) => set(itemsIn(image(dataset, 1), 'PurposeOfReferenceCodeSequence')[0], 'CodeValue', '121321'),
  ],
  [
    'an index of another dimension organization',
    'dimensions',
    (dataset) => set(itemsIn(dataset, 'DimensionIndexSequence')[1], 'DimensionOrganizationUID', '2.25.1'),
  ],
  [
    'one dimension only',
    'dimensions',
    (dataset) => set(dataset, 'DimensionIndexSequence', itemsIn(dataset, 'DimensionIndexSequence')[0]),
  ],
  [
    'an index that starts at 0',
    'dimension-index',
    (dataset) => set(group(dataset, 0, 'FrameContentSequence'), 'DimensionIndexValues', 1, 0),
  ],
  [
    'indices with a gap',
    'dimension-index',
    (dataset) =>
      [3, 7, 11].forEach((index) =>
        set(group(dataset, index, 'FrameContentSequence'), 'DimensionIndexValues', Math.floor(index / 4) + 1, 5),
      ),
  ],
  [
    'indices that start again in every segment',
    'dimension-index',
    (dataset) =>
      set(
        dataset,
        'PerFrameFunctionalGroupsSequence',
        ...itemsIn(dataset, 'PerFrameFunctionalGroupsSequence').map((item, index) =>
          index === 4
            ? { ...item, [tagOf('PlanePositionSequence')]: frame(dataset, 1)[tagOf('PlanePositionSequence')] }
            : item,
        ),
      ),
  ],
  [
    'too few indices',
    'dimension-index',
    (dataset) => set(group(dataset, 0, 'FrameContentSequence'), 'DimensionIndexValues', 1),
  ],
  [
    'frames in another order',
    'frame-order',
    (dataset) =>
      set(
        dataset,
        'PerFrameFunctionalGroupsSequence',
        ...itemsIn(dataset, 'PerFrameFunctionalGroupsSequence').reverse(),
      ),
  ],
];

const content: readonly Mutation[] = [
  ['an empty frame', 'frame-empty', (dataset) => clear(dataset, 2)],
  ['too few pixels', 'pixel-length', (dataset) => set(dataset, 'PixelData', pixels(dataset).slice(0, -2))],
  [
    'frames padded to bytes',
    'pixel-length',
    (dataset) => set(dataset, 'PixelData', new Uint8Array(Math.ceil((17 * 13) / 8) * FRAMES).fill(255)),
  ],
  ['padding of ones', 'pixel-padding', (dataset) => (pixels(dataset)[pixels(dataset).length - 1] = 0xff)],
  ['overlap denied', 'segments-overlap', (dataset) => set(dataset, 'SegmentsOverlap', 'NO')],
  [
    'a described segment without frames',
    'segment-empty',
    (dataset) =>
      set(dataset, 'SegmentSequence', ...itemsIn(dataset, 'SegmentSequence'), {
        ...segment(dataset, 2),
        [tagOf('SegmentNumber')]: { vr: 'US', Value: [4] },
      }),
  ],
  [
    'pixels as words',
    'attribute-vr',
    (dataset) => (dataset[tagOf('PixelData')] = { vr: 'OW', Value: [pixels(dataset)] }),
  ],
];

const agreement: readonly Mutation[] = [
  ['another patient', 'patient-study', (dataset) => set(dataset, 'PatientName', 'Somebody^Else')],
  ['another patient ID', 'patient-study', (dataset) => set(dataset, 'PatientID', '1')],
  ['another study', 'patient-study', (dataset) => set(dataset, 'StudyInstanceUID', '2.25.3')],
  ['another frame of reference', 'frame-of-reference', (dataset) => set(dataset, 'FrameOfReferenceUID', '2.25.4')],
  ['another size', 'source-size', (dataset) => (set(dataset, 'Rows', 17), set(dataset, 'Columns', 13))],
  ['the series of the images', 'identity-reused', (dataset) => set(dataset, 'SeriesInstanceUID', seriesUid())],
  ['a position that is off by a micrometre', 'frame-position', (dataset) => move(dataset, 1, 0.001)],
  ['two positions exchanged', 'frame-position', (dataset) => exchangePositions(dataset, 0, 1)],
  [
    'another orientation',
    'frame-plane',
    (dataset) =>
      set(shared(dataset, 'PlaneOrientationSequence'), 'ImageOrientationPatient', '0', '1', '0', '-1', '0', '0'),
  ],
  [
    'spacings exchanged',
    'frame-plane',
    (dataset) => set(shared(dataset, 'PixelMeasuresSequence'), 'PixelSpacing', '0.8', '0.9'),
  ],
  [
    'an image that is none of the volume',
    'frame-source',
    (dataset) => set(image(dataset, 2), 'ReferencedSOPInstanceUID', '2.25.5'),
  ],
  [
    'an image of another class',
    'frame-source',
    (dataset) => set(image(dataset, 2), 'ReferencedSOPClassUID', '1.2.840.10008.5.1.4.1.1.4'),
  ],
  [
    'a frame number of a single-frame image',
    'frame-source',
    (dataset) => (image(dataset, 2)[tagOf('ReferencedFrameNumber')] = { vr: 'IS', Value: ['1'] }),
  ],
  [
    'the image of another slice',
    'frame-position',
    (dataset) => set(image(dataset, 0), 'ReferencedSOPInstanceUID', source.sliceSources[1].sopInstanceUid),
  ],
  [
    'an image that is not listed',
    'reference-unlisted',
    (dataset) =>
      set(
        itemsIn(dataset, 'ReferencedSeriesSequence')[0],
        'ReferencedInstanceSequence',
        ...itemsIn(itemsIn(dataset, 'ReferencedSeriesSequence')[0], 'ReferencedInstanceSequence').slice(1),
      ),
  ],
  [
    'images listed in another series',
    'reference-unlisted',
    (dataset) => set(itemsIn(dataset, 'ReferencedSeriesSequence')[0], 'SeriesInstanceUID', '2.25.6'),
  ],
  [
    'a series without instances',
    'reference-incomplete',
    (dataset) => set(itemsIn(dataset, 'ReferencedSeriesSequence')[1], 'ReferencedInstanceSequence'),
  ],
  [
    'a replaced segmentation that is not listed',
    'reference-unlisted',
    (dataset) => set(dataset, 'ReferencedSeriesSequence', itemsIn(dataset, 'ReferencedSeriesSequence')[0]),
  ],
];

describe.each([
  ['attributes', attributes],
  ['segments and codes', segments],
  ['functional groups and dimensions', frames],
  ['pixels', content],
  ['agreement with the images', agreement],
])('a change is found in %s', (_, mutations) => {
  it.each(mutations)('%s: %s', (__, expected, change) => {
    expect(codes(changed(binary, change))).toContain(expected);
  });
});

describe('a change is found in label maps', () => {
  const mutations: readonly Mutation[] = [
    ['a label that is not described', 'label-undescribed', (dataset) => pixels(dataset).fill(9, 0, 1)],
    [
      'no background',
      'segment-number',
      (dataset) => set(dataset, 'SegmentSequence', ...itemsIn(dataset, 'SegmentSequence').slice(1)),
    ],
    ['an empty frame', 'frame-empty', (dataset) => pixels(dataset).fill(0, 0, 221)],
    [
      'a segment without pixels',
      'segment-empty',
      (dataset) => pixels(dataset).forEach((label, at) => label === 3 && (pixels(dataset)[at] = 2)),
    ],
    ['overlap claimed', 'attribute-value', (dataset) => set(dataset, 'SegmentsOverlap', 'YES')],
    [
      '16 bits claimed',
      'pixel-length',
      (dataset) => (set(dataset, 'BitsAllocated', 16), set(dataset, 'BitsStored', 16), set(dataset, 'HighBit', 15)),
    ],
  ];
  it.each(mutations)('%s: %s', (__, expected, change) => {
    expect(codes(changed(labels, change))).toContain(expected);
  });
});

describe('a change is found in the file', () => {
  const edit = (change: (bytes: Uint8Array) => Uint8Array | void): string[] => {
    const bytes = Uint8Array.from(binary);
    return codes(change(bytes) ?? bytes);
  };
  const find = (text: string, bytes: Uint8Array): number => Buffer.from(bytes).indexOf(text, 0, 'latin1');

  it('wrong length of the file meta information', () =>
    expect(edit((bytes) => void bytes[140]++)).toContain('meta-length'));
  it('another instance in the file meta information', () => {
    const uid = 'ABCD';
    expect(edit((bytes) => void Buffer.from(bytes.buffer).write(uid, find('2.25.', bytes), 'latin1'))).toContain(
      'meta-identity',
    );
  });
  it('another transfer syntax', () => {
    expect(edit((bytes) => void (bytes[find('1.2.840.10008.1.2.1', bytes) + 18] = 0x32))).toContain(
      'meta-transfer-syntax',
    );
  });
  it.each([
    ['no preamble', (bytes: Uint8Array) => bytes.subarray(128)],
    ['a file cut off', (bytes: Uint8Array) => bytes.subarray(0, 3000)],
    ['a byte too many', (bytes: Uint8Array) => Uint8Array.from([...bytes, 0])],
    ['nothing', () => new Uint8Array()],
  ])('%s', (_, change) => expect(edit(change)).toEqual(['structure']));
  it('elements out of order', () => {
    expect(edit((bytes) => void (bytes[find('CS', bytes) - 4] = 0x09))).toEqual(['structure']);
  });
  it('text that is not UTF-8', () => {
    expect(edit((bytes) => void (bytes[find('Phantom^Test', bytes)] = 0xff))).toEqual(['structure']);
  });
});

it('names a few problems of each kind, not thousands', () => {
  const slices = Array.from({ length: 4 }, (_, slice) => [slice, new Uint8Array(221).fill(1)] as const);
  const many = writeSeg(
    requestOf(
      source,
      Array.from({ length: 20 }, (_, i) => segmentOf(`s${i}`, new Map(slices))),
    ),
  ).bytes;
  const problems = validateSeg(
    changed(many, (dataset) => set(dataset, 'PixelData', new Uint8Array(pixels(dataset).length))),
  );
  expect(problems.filter(({ code: found }) => found === 'frame-empty')).toHaveLength(5);
});

function clear(dataset: Changeable, index: number): void {
  const stream = pixels(dataset);
  const ones = new Uint8Array(stream.length);
  packFrame(new Uint8Array(221).fill(1), index, ones);
  stream.forEach((byte, at) => (stream[at] = byte & ~ones[at]));
}

function seriesUid(): string {
  const [dataset] = source.attributes.values();
  return String((dataset['0020000E']?.Value as unknown[])[0]);
}

function move(dataset: Changeable, index: number, by: number): void {
  const position = group(dataset, index, 'PlanePositionSequence');
  const [x, y, z] = (position[tagOf('ImagePositionPatient')].Value as string[]).map(Number);
  set(position, 'ImagePositionPatient', String(x + by), String(y), String(z));
}

function exchangePositions(dataset: Changeable, a: number, b: number): void {
  const keyword = tagOf('PlanePositionSequence');
  [frame(dataset, a)[keyword], frame(dataset, b)[keyword]] = [frame(dataset, b)[keyword], frame(dataset, a)[keyword]];
}
