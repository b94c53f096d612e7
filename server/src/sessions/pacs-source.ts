import { UserError } from '@medsam2/models';
import { loadSeriesVolume } from '../dicomweb/load-series.js';
import { chooseVolume, planSeries, segSource, toVolumeInfo, volumeOf, type SeriesPlan } from '../dicomweb/series.js';
import type { Pacs } from '../dicomweb/types.js';
import { number, text } from '../imaging/dicom/dataset.js';
import { acceptedPlan } from '../imaging/dicom/index.js';
import type { PlannedSeries, PlannedVolume, SeriesSource } from './series-source.js';

/** Series of configured PACS, over DICOMweb. The first PACS is the default. */
export function pacsSeriesSource(configured: ReadonlyMap<string, Pacs>): SeriesSource {
  const find = (name: string): Pacs => {
    const pacs = configured.get(name);
    if (pacs !== undefined) return pacs;
    throw new UserError(
      'pacs-unknown',
      `No PACS named ${name.slice(0, 40)} is configured.`,
      `Configured: ${[...configured.keys()].join(', ') || 'none'}.`,
    );
  };
  return {
    pacsName: (name) => find(name ?? configured.keys().next().value ?? 'default').name,
    plan: async (name, address, call) => {
      const pacs = find(name);
      return plannedSeries(pacs, await planSeries(pacs, address, call));
    },
    segmentations: async (name, study, call) => {
      const found = await find(name).searchSeries(study, { Modality: 'SEG' }, call);
      return found.map((dataset) => ({
        description: text(dataset, '0008103E'),
        seriesNumber: number(dataset, '00200011'),
      }));
    },
    instance: (name, { study, series, sopInstanceUid }, call) =>
      find(name).instance(study, series, sopInstanceUid, call),
  };
}

function plannedSeries(pacs: Pacs, plan: SeriesPlan): PlannedSeries {
  const volume = (index: number): PlannedVolume => {
    const planned = volumeOf(plan, index);
    const { rows, columns, slices } = planned.geometry;
    const { samplesPerPixel, photometric } = planned.frames[0].header.format;
    const colour = samplesPerPixel === 3 || photometric === 'PALETTE COLOR';
    return {
      info: toVolumeInfo(plan, index),
      // Fractions of rescaled values need four bytes; whether there are any is known when the pixels are.
      bytes: slices * rows * columns * (colour ? 3 : isWhole(planned.frames) ? 2 : 4),
      source: (loaded) => segSource(plan, index, loaded),
      check: (overrule) => void acceptedPlan(planned, overrule),
      load: (options) => loadSeriesVolume(pacs, plan, index, options),
    };
  };
  return {
    volumes: plan.volumes.map((_, index) => toVolumeInfo(plan, index)),
    volume: (index) => volume(chooseVolume(plan, index)),
  };
}

function isWhole(frames: SeriesPlan['volumes'][number]['frames']): boolean {
  return frames.every(
    ({ rescale }) => Number.isInteger(rescale?.slope ?? 1) && Number.isInteger(rescale?.intercept ?? 0),
  );
}
