import { fileLabel, matchModel } from './models.js';

const installed = [
  'medsam2-latest',
  'medsam2-ct-lesion',
  'medsam2-mri-liver-lesion',
  'medsam2-us-heart',
  'medsam2-2411',
  'sam2.1-hiera-tiny',
  'sam2.1-hiera-base-plus',
  'my-model',
];

describe('names of models', () => {
  it.each([
    ['tiny', 'sam2.1-hiera-tiny'],
    ['base_plus', 'sam2.1-hiera-base-plus'],
    ['sam2.1_hiera_tiny.pt', 'sam2.1-hiera-tiny'],
    ['sam2.1_hiera_base_plus.pt', 'sam2.1-hiera-base-plus'],
    ['MedSAM2_latest.pt', 'medsam2-latest'],
    ['medsam2_LATEST.PT', 'medsam2-latest'],
    ['MedSAM2_CTLesion.pt', 'medsam2-ct-lesion'],
    ['MedSAM2_MRI_LiverLesion.pt', 'medsam2-mri-liver-lesion'],
    ['MedSAM2_US_Heart.pt', 'medsam2-us-heart'],
    ['MedSAM2_2411.pt', 'medsam2-2411'],
    ['my_model/My_Model.pt', 'my-model'],
    ['my\\my-model.pt', 'my-model'],
  ])('%s means %s', (checkpoint, model) => expect(matchModel(checkpoint, installed)).toBe(model));

  it.each(['large', '', '..', 'my/my.model.v2.pt', '../../etc/passwd', 'constructor', '__proto__'])(
    '%s means none that is installed',
    (checkpoint) => expect(matchModel(checkpoint, installed)).toBeUndefined(),
  );

  it('are labels without folders', () => {
    expect(['my/my.model.v2.pt', 'my\\my.model.v2.pt', '../../x.pt', '/etc/'].map(fileLabel)).toEqual([
      'my.model.v2.pt',
      'my.model.v2.pt',
      'x.pt',
      '',
    ]);
  });
});
