import type { DicomDataset } from '../imaging/dicom/index.js';
import { texts } from '../imaging/dicom/dataset.js';
import { decodeCieLab } from './colour.js';
import { changed, itemsIn } from './testing/changed.js';
import { provenance, requestOf, segmentOf, stripes, terms } from './testing/requests.js';
import { phantomSource } from './testing/sources.js';
import { tagOf, type Keyword } from './attributes.js';
import type { Provenance, SegRequest } from './types.js';
import { isUid } from './uid.js';
import { readExplicitFile } from './validate/read-explicit.js';
import { writeSeg } from './write.js';

const source = phantomSource({ columns: 10, rows: 6, slices: 3 });
const request = (more: Partial<SegRequest> = {}): SegRequest => requestOf(source, stripes(source, 2), more);
const write = (more: Partial<SegRequest> = {}): DicomDataset => readExplicitFile(writeSeg(request(more)).bytes).dataset;
const values = (dataset: DicomDataset, keyword: Keyword): string[] => texts(dataset, tagOf(keyword));
const segmentsOf = (dataset: DicomDataset): DicomDataset[] => itemsIn(dataset, 'SegmentSequence');
const withElements = (elements: Record<string, unknown>): ReturnType<typeof phantomSource> =>
  phantomSource({ columns: 10, rows: 6, slices: 3 }, (slice) => Object.assign(slice, elements));
const fromElements = (elements: Record<string, unknown>): { dataset: DicomDataset; warnings: readonly string[] } => {
  const changedSource = withElements(elements);
  const { bytes, warnings } = writeSeg(requestOf(changedSource, stripes(changedSource, 1)));
  return { dataset: readExplicitFile(bytes).dataset, warnings };
};

describe('identity', () => {
  it('is new for every object, unless given', () => {
    const [one, other] = [writeSeg(request()), writeSeg(request())];
    expect(isUid(one.sopInstanceUid) && isUid(one.seriesInstanceUid)).toBe(true);
    expect(one.sopInstanceUid).not.toBe(other.sopInstanceUid);
    expect(one.seriesInstanceUid).not.toBe(other.seriesInstanceUid);
    const given = writeSeg(request({ sopInstanceUid: '2.25.11', seriesInstanceUid: '2.25.12' }));
    expect([given.sopInstanceUid, given.seriesInstanceUid]).toEqual(['2.25.11', '2.25.12']);
  });

  it('says when it was made in the time zone of the source', () => {
    const elements = { '00080201': { vr: 'SH', Value: ['-0330'] } };
    const { dataset } = fromElements(elements);
    // 05:06:07.089 UTC
    expect(values(dataset, 'ContentDate')).toEqual(['20260304']);
    expect(values(dataset, 'ContentTime')).toEqual(['013607.089']);
    const [equipment] = itemsIn(dataset, 'ContributingEquipmentSequence');
    expect(values(equipment, 'ContributionDateTime')).toEqual(['20260304013607.089-0330']);
  });
});

describe('patient and study', () => {
  it('names with all their component groups, as DICOMweb gives them', () => {
    const name = { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' };
    const { dataset, warnings } = fromElements({ '00100010': { vr: 'PN', Value: [name] } });
    expect(values(dataset, 'PatientName')).toEqual(['Yamada^Tarou=山田^太郎=やまだ^たろう']);
    expect(warnings.filter((warning) => warning.includes('Name'))).toEqual([]);
    const phonetic = fromElements({ '00100010': { vr: 'PN', Value: [{ Alphabetic: 'A^B', Phonetic: 'C' }] } });
    expect(values(phonetic.dataset, 'PatientName')).toEqual(['A^B==C']);
  });

  it('values that are wrong are kept, and said', () => {
    const { dataset, warnings } = fromElements({
      '00080020': { vr: 'DA', Value: ['1997.04.24'] },
      '00101030': { vr: 'DS', Value: ['about 80'] },
      '00100020': { vr: 'LO', Value: ['x'.repeat(80)] },
    });
    expect(values(dataset, 'StudyDate')).toEqual(['1997.04.24']);
    expect(texts(dataset, '00101030')).toEqual(['about 80']);
    expect(values(dataset, 'PatientID')).toEqual(['x'.repeat(80)]);
    expect(warnings).toContain(
      'Study Date (0008,0020) of the source is not as DICOM wants it; it was copied as it is.',
    );
    expect(warnings.join()).not.toMatch(/1997|about|xxx/);
    expect(warnings.filter((warning) => warning.endsWith('copied as it is.'))).toHaveLength(3);
  });

  it('numbers of DICOMweb and nested items', () => {
    const { dataset } = fromElements({
      '00101030': { vr: 'DS', Value: [81.5] },
      '00081032': {
        vr: 'SQ',
        Value: [{ '00080100': { vr: 'SH', Value: ['CTABD'] }, '00080104': { vr: 'LO', Value: ['Bauchübersicht'] } }],
      },
    });
    expect(texts(dataset, '00101030')).toEqual(['81.5']);
    const [code] = dataset['00081032']?.Value as DicomDataset[];
    expect(texts(code, '00080104')).toEqual(['Bauchübersicht']);
  });

  it('what cannot be written is left out, and said', () => {
    const { dataset, warnings } = fromElements({
      '00081030': { vr: 'UN', InlineBinary: 'AAAA' },
      '001021B0': { vr: 'LT', Value: ['x'.repeat(70_000)] },
    });
    expect([dataset['00081030'], dataset['001021B0']]).toEqual([undefined, undefined]);
    expect(warnings.filter((warning) => warning.includes('cannot be copied'))).toHaveLength(2);
  });

  it('text in several character sets, as files have it', () => {
    const elements = {
      '00100010': {
        vr: 'PN',
        Value: [{ Alphabetic: '' }],
        _rawValue: 'Hong^Gildong=\u001b$)Cûó^\u001b$)CÑÎÔ×=\u001b$)CÈ«^\u001b$)C±æµ¿',
      },
    };
    expect(values(fromElements(elements).dataset, 'PatientName')).toEqual(['Hong^Gildong=洪^吉洞=홍^길동']);
  });
});

describe('place in space', () => {
  it('keeps the digits of the source, and shortens only what does not fit', () => {
    const positions = ['-101.10', '1e2', '-12.345678901234567890'];
    const odd = withElements({ '00280030': { vr: 'DS', Value: ['0.900', '.8'] } });
    const sliceSources = odd.sliceSources.map((one, slice) => ({
      ...one,
      imagePosition: [positions[0], positions[1], slice === 0 ? positions[2] : String(slice * 3)] as [
        string,
        string,
        string,
      ],
    }));
    const { bytes } = writeSeg(requestOf({ ...odd, sliceSources }, stripes(odd, 1)));
    const { dataset } = readExplicitFile(bytes);
    const [frame] = itemsIn(dataset, 'PerFrameFunctionalGroupsSequence');
    const [shared] = itemsIn(dataset, 'SharedFunctionalGroupsSequence');
    expect(values(itemsIn(frame, 'PlanePositionSequence')[0], 'ImagePositionPatient')).toEqual([
      '-101.10',
      '1e2',
      '-12.345678901235',
    ]);
    expect(values(itemsIn(shared, 'PixelMeasuresSequence')[0], 'PixelSpacing')).toEqual(['0.900', '.8']);
  });

  it('states a spacing between slices only where there is one', () => {
    const uneven = phantomSource({ columns: 10, rows: 6, slices: 3 });
    const sliceSources = uneven.sliceSources.map((one, slice) => ({
      ...one,
      imagePosition: ['0', '0', ['0', '3', '7'][slice]] as [string, string, string],
    }));
    const measures = (from: ReturnType<typeof phantomSource>): DicomDataset => {
      const { dataset } = readExplicitFile(writeSeg(requestOf(from, stripes(from, 1))).bytes);
      return itemsIn(itemsIn(dataset, 'SharedFunctionalGroupsSequence')[0], 'PixelMeasuresSequence')[0];
    };
    expect(values(measures(uneven), 'SpacingBetweenSlices')).toEqual(['3']);
    expect(values(measures({ ...uneven, sliceSources }), 'SpacingBetweenSlices')).toEqual([]);
  });

  it('measures that differ from slice to slice are in every frame', () => {
    const mixed = phantomSource({ columns: 10, rows: 6, slices: 3 }, (elements, slice) => {
      elements['00180050'] = { vr: 'DS', Value: [slice === 2 ? '7' : '4'] };
    });
    const { dataset } = readExplicitFile(writeSeg(requestOf(mixed, stripes(mixed, 1))).bytes);
    const thickness = itemsIn(dataset, 'PerFrameFunctionalGroupsSequence').map((frame) =>
      values(itemsIn(frame, 'PixelMeasuresSequence')[0], 'SliceThickness'),
    );
    expect(thickness).toEqual([['4'], ['4'], ['7']]);
  });

  it('is left out without a frame of reference, and that is said', () => {
    const { dataset, warnings } = fromElements({ '00200052': undefined });
    expect(dataset[tagOf('FrameOfReferenceUID')]).toBeUndefined();
    expect(itemsIn(itemsIn(dataset, 'PerFrameFunctionalGroupsSequence')[0], 'PlanePositionSequence')).toEqual([]);
    expect(warnings.join()).toContain('3D Slicer cannot');
  });
});

describe('segments', () => {
  it('carry terms, colour and tracking', () => {
    const region = { scheme: 'SCT', value: '818983003', meaning: 'Abdomen' };
    const modifier = { scheme: 'SCT', value: '24028007', meaning: 'Right' };
    const segment = segmentOf('Kidney', new Map([[0, new Uint8Array(60).fill(1)]]), {
      terms: { ...terms, typeModifier: modifier, region, regionModifier: modifier },
      colour: [12, 200, 99],
      trackingUid: '2.25.99',
      description: 'found on slice 0',
    });
    const [item] = segmentsOf(readExplicitFile(writeSeg(requestOf(source, [segment])).bytes).dataset);
    const [type] = itemsIn(item, 'SegmentedPropertyTypeCodeSequence');
    const [anatomy] = itemsIn(item, 'AnatomicRegionSequence');
    expect(values(type, 'CodeValue')).toEqual([terms.type.value]);
    expect(values(itemsIn(type, 'SegmentedPropertyTypeModifierCodeSequence')[0], 'CodeMeaning')).toEqual(['Right']);
    expect(values(anatomy, 'CodeValue')).toEqual(['818983003']);
    expect(values(itemsIn(anatomy, 'AnatomicRegionModifierSequence')[0], 'CodeValue')).toEqual(['24028007']);
    const colour = item[tagOf('RecommendedDisplayCIELabValue')]?.Value as [number, number, number];
    expect(decodeCieLab(colour)).toEqual([12, 200, 99]);
    expect([values(item, 'TrackingUID'), values(item, 'SegmentDescription')]).toEqual([
      ['2.25.99'],
      ['found on slice 0'],
    ]);
  });

  it('long codes are long code values', () => {
    const long = { scheme: '99TEST', value: 'a-code-of-more-than-sixteen', meaning: 'Long' };
    const segments = [
      segmentOf('Long', new Map([[0, new Uint8Array(60).fill(1)]]), { terms: { ...terms, type: long } }),
    ];
    const [item] = segmentsOf(readExplicitFile(writeSeg(requestOf(source, segments)).bytes).dataset);
    const [type] = itemsIn(item, 'SegmentedPropertyTypeCodeSequence');
    expect([values(type, 'LongCodeValue'), values(type, 'CodeValue')]).toEqual([[long.value], []]);
  });

  it('that are empty are left out, and the others are numbered without gaps', () => {
    const segments = [segmentOf('Empty', new Map([[1, new Uint8Array(60)]])), ...stripes(source, 2)];
    const { bytes, warnings } = writeSeg(requestOf(source, segments));
    const items = segmentsOf(readExplicitFile(bytes).dataset);
    expect(items.map((item) => item[tagOf('SegmentNumber')]?.Value)).toEqual([[1], [2]]);
    expect(items.map((item) => values(item, 'SegmentLabel'))).toEqual([['Segment 1'], ['Segment 2']]);
    expect(warnings).toContain('Segment "Empty" is empty and was left out.');
  });

  it('say truthfully whether they overlap', () => {
    const overlapOf = (overlapping: boolean): string[] =>
      values(
        readExplicitFile(writeSeg(requestOf(source, stripes(source, 2, { overlapping }))).bytes).dataset,
        'SegmentsOverlap',
      );
    expect([overlapOf(false), overlapOf(true)]).toEqual([['NO'], ['YES']]);
  });

  it('made by hand name no algorithm; read ones keep theirs', () => {
    const [byHand, read] = stripes(source, 2);
    const dataset = readExplicitFile(
      writeSeg(
        requestOf(source, [
          { ...byHand, algorithmType: 'MANUAL' },
          { ...read, algorithmType: 'AUTOMATIC', algorithm: { name: 'Other program' } },
        ]),
      ).bytes,
    ).dataset;
    const [first, second] = segmentsOf(dataset);
    expect([values(first, 'SegmentAlgorithmType'), values(first, 'SegmentAlgorithmName')]).toEqual([['MANUAL'], []]);
    expect(values(second, 'SegmentAlgorithmName')).toEqual(['Other program']);
    expect(itemsIn(second, 'SegmentationAlgorithmIdentificationSequence')).toEqual([]);
  });

  it('labels of any text become valid', () => {
    const segments = [segmentOf(`a\\b\n${'ü'.repeat(80)}`, new Map([[0, new Uint8Array(60).fill(1)]]))];
    const [item] = segmentsOf(readExplicitFile(writeSeg(requestOf(source, segments)).bytes).dataset);
    const [label] = values(item, 'SegmentLabel');
    expect(label).toBe(`a/b ${'ü'.repeat(59)}…`);
  });
});

describe('provenance', () => {
  const demonstration: Provenance = {
    ...provenance,
    model: { ...provenance.model, name: 'nano', demonstration: true } as Provenance['model'],
  };

  it('names model, hash, parameters, runtime and this program', () => {
    const dataset = write();
    const [algorithm] = itemsIn(segmentsOf(dataset)[0], 'SegmentationAlgorithmIdentificationSequence');
    expect(values(algorithm, 'AlgorithmName')).toEqual(['medsam2-latest']);
    expect(values(algorithm, 'AlgorithmParameters')).toEqual([`sha256=${'a'.repeat(64)}; window=40/400; view=full`]);
    const [own, runtime] = itemsIn(dataset, 'ContributingEquipmentSequence');
    expect(values(own, 'ManufacturerModelName')).toEqual(['medsam2 server']);
    expect([values(runtime, 'ManufacturerModelName'), values(runtime, 'SoftwareVersions')]).toEqual([
      ['onnxruntime-node'],
      ['1.30.0'],
    ]);
  });

  it('labels what a demonstration model made, wherever it is listed', () => {
    const dataset = write({ provenance: demonstration, description: `${'Lesion '.repeat(10)}v2` });
    const [description] = values(dataset, 'SeriesDescription');
    expect(description).toMatch(/demonstration\) v2$/);
    expect([...description].length).toBeLessThanOrEqual(64);
    expect(values(dataset, 'ContentDescription')).toEqual(['Demonstration model, not for clinical use; not reviewed']);
    expect(values(segmentsOf(dataset)[0], 'SegmentAlgorithmName')).toEqual(['nano (demonstration)']);
  });

  it('says whether a person reviewed it', () => {
    const reviewed = write({ provenance: { ...provenance, reviewed: true } });
    const text = (dataset: DicomDataset): string =>
      values(itemsIn(dataset, 'ContributingEquipmentSequence')[0], 'ContributionDescription').join();
    expect(values(reviewed, 'ContentDescription')).toEqual(['Model medsam2-latest; reviewed']);
    expect(text(reviewed)).toContain('every slice was reviewed');
    expect(values(write(), 'ContentDescription')).toEqual(['Model medsam2-latest; not reviewed']);
    expect(text(write())).toContain('Nobody stated');
  });

  it('refers to the segmentation that it replaces', () => {
    const replaces = {
      seriesInstanceUid: '2.25.21',
      sopInstanceUid: '2.25.22',
      sopClassUid: '1.2.840.10008.5.1.4.1.1.66.4',
    };
    const dataset = write({ replaces });
    const [image] = itemsIn(dataset, 'ReferencedImageSequence');
    expect(values(image, 'ReferencedSOPInstanceUID')).toEqual(['2.25.22']);
    expect(values(itemsIn(image, 'PurposeOfReferenceCodeSequence')[0], 'CodeValue')).toEqual(['REPLACES']);
    const series = itemsIn(dataset, 'ReferencedSeriesSequence').map((item) => values(item, 'SeriesInstanceUID')[0]);
    expect(series[1]).toBe('2.25.21');
    expect(itemsIn(dataset, 'ReferencedSeriesSequence')).toHaveLength(2);
  });

  it('stays marked as lossy, with ratio and method', () => {
    const { dataset } = fromElements({
      '00282110': { vr: 'CS', Value: ['01'] },
      '00282112': { vr: 'DS', Value: ['9.5'] },
      '00282114': { vr: 'CS', Value: ['ISO_10918_1'] },
    });
    expect(values(dataset, 'LossyImageCompression')).toEqual(['01']);
    expect(values(dataset, 'LossyImageCompressionRatio')).toEqual(['9.5']);
    expect(values(write(), 'LossyImageCompression')).toEqual(['00']);
  });
});

describe('what is refused', () => {
  const refusal = (make: () => unknown): unknown => {
    try {
      make();
    } catch (error) {
      return (error as { code?: string }).code;
    }
    return undefined;
  };

  it('nothing', () => {
    expect(refusal(() => writeSeg(requestOf(source, [])))).toBe('nothing-to-save');
    expect(refusal(() => writeSeg(requestOf(source, [segmentOf('Empty', new Map([[0, new Uint8Array(60)]]))])))).toBe(
      'nothing-to-save',
    );
  });

  it('a label map of overlapping segments', () => {
    const segments = stripes(source, 2, { overlapping: true });
    expect(refusal(() => writeSeg(requestOf(source, segments, { format: 'labelmap' })))).toBe('segments-overlap');
  });

  it('images without identifiers, of two patients, and attributes that are not at hand', () => {
    const nameless = withElements({ '0020000D': undefined });
    expect(refusal(() => writeSeg(requestOf(nameless, stripes(nameless, 1))))).toBe('missing-identifiers');
    const mixed = phantomSource({ columns: 10, rows: 6, slices: 3 }, (elements, slice) => {
      elements['00100020'] = { vr: 'LO', Value: [`patient ${slice}`] };
    });
    expect(refusal(() => writeSeg(requestOf(mixed, stripes(mixed, 1))))).toBe('source-mixed');
    const absent = { ...source, attributes: new Map() };
    expect(refusal(() => writeSeg(requestOf(absent, stripes(source, 1))))).toBe('source-incomplete');
  });

  it('what the finished object shows to be wrong, with its reason', () => {
    const wrong = segmentOf('Wrong', new Map([[0, new Uint8Array(60).fill(1)]]), {
      terms: { ...terms, type: { scheme: 'SCT', value: '10200005', meaning: 'Liver' } },
    });
    expect(() => writeSeg(requestOf(source, [wrong]))).toThrow(
      'The segmentation would not be valid and was not saved: The code 10200005 (SCT, "Liver") is no SNOMED CT identifier: its check digit is wrong.',
    );
    expect(refusal(() => writeSeg(requestOf(source, [wrong])))).toBe('seg-invalid');
    expect(refusal(() => writeSeg(request({ sopInstanceUid: '1.02' })))).toBe('seg-invalid');
  });

  it('masks of another size: a defect of the caller', () => {
    const wrong = segmentOf('Small', new Map([[0, new Uint8Array(59).fill(1)]]));
    expect(() => writeSeg(requestOf(source, [wrong]))).toThrow('a mask has 59 pixels instead of 60');
    expect(() => writeSeg(requestOf(source, [segmentOf('Far', new Map([[3, new Uint8Array(60).fill(1)]]))]))).toThrow(
      'there is no slice 3',
    );
  });
});

it('writes the same bytes for the same request', () => {
  const fixed = request({ sopInstanceUid: '2.25.31', seriesInstanceUid: '2.25.32' });
  const neutral = (bytes: Uint8Array): Uint8Array =>
    changed(bytes, (dataset) => {
      for (const keyword of ['DimensionOrganizationSequence', 'DimensionIndexSequence'] as const) {
        for (const item of itemsIn(dataset, keyword)) delete item[tagOf('DimensionOrganizationUID')];
      }
    });
  expect(Buffer.compare(neutral(writeSeg(fixed).bytes), neutral(writeSeg(fixed).bytes))).toBe(0);
});
