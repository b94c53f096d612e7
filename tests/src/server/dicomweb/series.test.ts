import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sharedData } from '@medsam2/models/testing';
import { createPacs, pacsConfigSchema, type OpenPacs } from '@medsam2/server/dicomweb';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { differences, readFolder, readPacs } from './compare.js';

const data = sharedData() ?? '';
const at = (path: string): string => join(data, path);
const filesOf = (path: string): string[] =>
  statSync(at(path)).isFile()
    ? [path]
    : readdirSync(at(path))
        .map((name) => `${path}/${name}`)
        .filter((file) => statSync(at(file)).isFile());
/** What a listing of the data gives, empty without the data. */
const listed = (list: () => string[]): string[] => (data === '' ? [] : list());

/** Folders that hold one series each. */
const series = [
  'ct_body_j2k/dicom',
  'ct_chest_3mm/dicom',
  'ct_ge_3slice/dicom',
  'ct_head_tilt/dicom',
  'endo_clip/dicom',
  'enhanced/siemens_xa10_6f',
  'mr_4d_ge_epi/dicom',
  'mr_4d_siemens_mosaic/dicom',
  'mr_abdomen_3mm/dicom',
  'mr_brain_tumour/dicom',
  'mr_breast_crop/dicom',
  'mr_sagittal/dicom',
  'seg_examples/dcmqi_23x38x3/image',
  'seg_examples/dcmqi_23x38x3/multiframe',
  'synth_ct/dicom',
  'synth_pet/dicom',
  'synth_us/dicom',
];
const awkward = listed(() =>
  readdirSync(at('awkward'))
    .filter((name) => statSync(at(`awkward/${name}`)).isDirectory())
    .map((name) => `awkward/${name}/dicom`),
);
/** Folders whose files have identifiers in common: one file at a time. */
const single = listed(() =>
  [
    'charsets',
    'enhanced',
    'pixel_formats',
    'pixel_formats/mr_12bit',
    'transfer_syntaxes/ct_512',
    'transfer_syntaxes/misc',
    'transfer_syntaxes/mr_mosaic_384',
    'us_multiframe',
    'ct_body_j2k/as_distributed',
  ]
    .flatMap(filesOf)
    .filter((file) => !/README|\.txt$|\.json$/.test(file)),
);

/** Files that the folder reader can use and Orthanc 1.10 does not take: nothing of them can come back. */
const REFUSED_BY_ORTHANC: ReadonlySet<string> = new Set([
  // empty or absent identifiers
  'ct_body_j2k/as_distributed/16573.dcm',
  'ct_body_j2k/as_distributed/16574.dcm',
  'ct_body_j2k/as_distributed/16575.dcm',
  'transfer_syntaxes/misc/HTJ2KLossless_08_RGB.dcm',
  'transfer_syntaxes/misc/HTJ2K_08_RGB.dcm',
  'transfer_syntaxes/misc/JLSL_16_15_1_1F.dcm',
  'transfer_syntaxes/misc/JLSL_RGB_ILV0.dcm',
  'transfer_syntaxes/misc/JLSL_RGB_ILV2.dcm',
  'transfer_syntaxes/misc/JLSN_RGB_ILV0.dcm',
  // cut off, and a broken item delimiter in its header
  'transfer_syntaxes/misc/MR_truncated.dcm',
  'us_multiframe/cardiac_65f_jpeg_ybr422.dcm',
]);

describeWithOrthanc('series of a PACS are what the folder holds, voxel by voxel', () => {
  let orthanc: Orthanc;
  let pacs: OpenPacs;

  beforeAll(async () => {
    orthanc = await startOrthanc();
    pacs = createPacs(pacsConfigSchema.parse({ name: 'orthanc', url: orthanc.url }));
  });
  afterAll(async () => {
    await pacs.close();
    await orthanc.close();
  });
  afterEach(() => orthanc.clear());

  const isStored = async (path: string): Promise<void> => {
    const uploaded = await orthanc.upload(filesOf(path).map(at));
    const refused = uploaded.some(({ status }) => status !== 'Success');
    const folder = await readFolder(at(path));
    if (REFUSED_BY_ORTHANC.has(path)) {
      expect(refused).toBe(true);
      expect(await readPacs(pacs)).toEqual({ series: new Map() });
      return;
    }
    // what is refused besides holds no images for the folder reader either
    if (refused) expect([...folder.series]).toEqual([]);
    expect(differences(folder, await readPacs(pacs))).toEqual([]);
  };
  // without the data there are none, which `it.each` takes for a mistake
  for (const path of data === '' ? [] : [...series, ...awkward, ...single]) it(path, () => isStored(path));
  if (data === '') it.skip('no shared test data beside the repository', () => undefined);
});
