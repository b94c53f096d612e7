import { decodeRuns, intervalsOfRuns } from '@medsam2/protocol/stream';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SegmentStatistics } from '@medsam2/protocol';
import { writeLabelMap } from '../imaging/write.js';
import { intensityUnit, statisticsInTurns } from '../measurements/index.js';
import type { LiveSession } from './session.js';
import { filledSlices } from './state.js';

export const exportTypes = {
  'nii.gz': 'application/gzip',
  nrrd: 'application/octet-stream',
  npz: 'application/zip',
  dcm: 'application/dicom',
} as const;

/** The segments as a label map on the volume's grid; where segments overlap, the one with the higher number stands. */
export async function labelMapFile(session: LiveSession, format: 'nii.gz' | 'nrrd' | 'npz'): Promise<Uint8Array> {
  const { content } = session.record;
  const { geometry } = session.grid;
  const size = session.grid.pixels;
  const ids = [...content.segments.keys()].sort((a, b) => a - b);
  const voxels = size * geometry.slices;
  const labels = Math.max(0, ...ids) > 255 ? new Uint16Array(voxels) : new Uint8Array(voxels);
  for (const id of ids) {
    for (const [slice, { runs }] of content.masks.get(id) ?? []) {
      for (const [start, end] of intervalsOfRuns(runs)) labels.fill(id, slice * size + start, slice * size + end);
    }
  }
  const folder = await mkdtemp(join(tmpdir(), 'medsam2-export-'));
  try {
    const path = join(folder, `labels.${format}`);
    await writeLabelMap(path, { labels, geometry }, session.workbench.loadedVolume ?? {});
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Figures of every segment with pixels. */
export async function sessionStatistics(session: LiveSession): Promise<SegmentStatistics[]> {
  await session.workbench.ready();
  const { content } = session.record;
  const { volume } = session.workbench;
  const { modality, attributes } = session.planned.source(volume);
  const unit = intensityUnit(modality, attributes.values().next().value);
  const statistics: SegmentStatistics[] = [];
  for (const id of content.segments.keys()) {
    const masks = content.masks.get(id);
    const mask = (slice: number) => decodeRuns(masks?.get(slice)?.runs ?? new Uint8Array(0), session.grid.pixels);
    const measured = { id, slices: filledSlices(content, id), mask };
    statistics.push(await statisticsInTurns(measured, volume, unit));
  }
  return statistics;
}
