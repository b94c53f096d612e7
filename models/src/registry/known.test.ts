import { basename } from 'node:path';
import { findArchitecture, shippedGraphs } from '../bind/architectures.js';
import { readKnownModels, shippedManifests } from './known.js';
import type { KnownModel } from './schemas.js';

let models: KnownModel[];
beforeAll(async () => {
  models = await readKnownModels(shippedManifests());
});

const available = () => models.filter((model) => model.status === 'available');

describe('the shipped manifests', () => {
  it('name the six published MedSAM2 checkpoints and SAM 2.1 tiny', () => {
    expect(
      available()
        .map(({ source }) => basename(source.url))
        .sort(),
    ).toEqual([
      'MedSAM2_2411.pt',
      'MedSAM2_CTLesion.pt',
      'MedSAM2_MRI_LiverLesion.pt',
      'MedSAM2_US_Heart.pt',
      'MedSAM2_latest.pt',
      'medsam2_FLARE25_RECIST_baseline.pt',
      'sam2.1_hiera_tiny.pt',
    ]);
  });

  it('lead to https addresses and to graphs that exist', async () => {
    for (const { source, architecture } of available()) {
      expect(source.url).toMatch(/^https:\/\//);
      expect((await findArchitecture([shippedGraphs()], architecture)).architecture.name).toBe('medsam2');
    }
  });

  it('restrict every MedSAM2 checkpoint, and not the Apache-2.0 one', () => {
    for (const { name, licence } of models) {
      expect(licence.restricted).toBe(name !== 'sam2.1-hiera-tiny');
      expect(licence.terms).toMatch(/[.]$/);
    }
  });

  it('say why the Efficient ones cannot be used', () => {
    const unsupported = models.filter((model) => model.status === 'unsupported');
    expect(unsupported.map(({ name }) => name)).toEqual(['efficient-medsam2-small', 'efficient-medsam2-tiny']);
    for (const { reason } of unsupported) expect(reason).toMatch(/no graphs yet\.$/);
  });
});
