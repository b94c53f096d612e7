import { naturalised } from './stored.js';

test('attributes are named as the viewer names them, single values without their list', () => {
  const instance = naturalised({
    '00080016': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.66.4'] },
    '0008103e': { vr: 'LO', Value: ['Liver'] },
    '00080008': { vr: 'CS', Value: ['DERIVED', 'PRIMARY'] },
    '00081115': {
      vr: 'SQ',
      Value: [{ '0020000E': { vr: 'UI', Value: ['1.2.3'] }, '0008114A': { vr: 'SQ', Value: [{ '00081155': { Value: ['4.5'] } }] } }], // prettier-ignore
    },
    '00091001': { vr: 'UN', Value: ['private'] },
    '00080021': { vr: 'DA' },
  });
  expect(instance.ReferencedSeriesSequence).toHaveProperty('SeriesInstanceUID', '1.2.3');
  expect(instance).toEqual({
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.66.4',
    SeriesDescription: 'Liver',
    ImageType: ['DERIVED', 'PRIMARY'],
    ReferencedSeriesSequence: [
      { SeriesInstanceUID: '1.2.3', ReferencedInstanceSequence: [{ ReferencedSOPInstanceUID: '4.5' }] },
    ],
  });
});
