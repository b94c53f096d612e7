/** The same DICOM files read two ways: from the folder, and from a PACS that was given them. */
import { UserError } from '@medsam2/models';
import { planSeries, loadSeriesVolume, toVolumeInfo, type OpenPacs } from '@medsam2/server/dicomweb';
import type { Volume } from '@medsam2/server';
import { readDicomFolder } from '@medsam2/server/testing';

/** What became of one volume: the volume, or the code of the refusal. */
export type Outcome = Volume | string;

export interface Read {
  /** by Series Instance UID, volumes in order */
  readonly series: ReadonlyMap<string, readonly { readonly label: string; readonly outcome: Outcome }[]>;
}

export async function readFolder(path: string): Promise<Read> {
  const { candidates } = await readDicomFolder(path);
  const series = new Map<string, { label: string; outcome: Outcome }[]>();
  for (const candidate of candidates) {
    const volumes = series.get(candidate.seriesInstanceUid) ?? [];
    series.set(candidate.seriesInstanceUid, volumes);
    volumes.push({ label: candidate.label, outcome: await outcomeOf(() => candidate.load()) });
  }
  return { series };
}

/** Every series that the PACS holds. */
export async function readPacs(pacs: OpenPacs): Promise<Read> {
  const series = new Map<string, { label: string; outcome: Outcome }[]>();
  for (const study of uids(await pacs.searchStudies({}), '0020000D')) {
    for (const uid of uids(await pacs.searchSeries(study, {}), '0020000E')) {
      const plan = await outcomeOf(() => planSeries(pacs, { study, series: uid }));
      if (typeof plan === 'string') {
        if (plan !== 'no-images') series.set(uid, [{ label: 'plan', outcome: plan }]);
        continue;
      }
      const volumes: { label: string; outcome: Outcome }[] = [];
      for (const index of plan.volumes.keys()) {
        const outcome = await outcomeOf(() => loadSeriesVolume(pacs, plan, index));
        volumes.push({ label: toVolumeInfo(plan, index).label, outcome });
      }
      series.set(uid, volumes);
    }
  }
  return { series };
}

/** What differs, one line each; empty when both ways give the same volumes, voxel by voxel and digit by digit. */
export function differences(folder: Read, pacs: Read): string[] {
  const found: string[] = [];
  const note = (what: string, a: unknown, b: unknown): void => {
    const [left, right] = [a, b].map((value) => JSON.stringify(value));
    if (left !== right) found.push(`${what}: ${left} in the folder, ${right} from the PACS`);
  };
  note('series', [...folder.series.keys()].sort(), [...pacs.series.keys()].sort());
  for (const [uid, expected] of folder.series) {
    const actual = pacs.series.get(uid);
    if (!actual) continue;
    note('volumes', expected.map(({ label }) => label), actual.map(({ label }) => label)); // prettier-ignore
    for (const [index, { label, outcome: a }] of expected.entries()) {
      const b = actual[index]?.outcome;
      if (b === undefined) continue;
      if (typeof a === 'string' || typeof b === 'string') {
        note(`${label}: outcome`, typeof a === 'string' ? a : 'loaded', typeof b === 'string' ? b : 'loaded');
        continue;
      }
      const { voxels: folderVoxels, ...folderRest } = a;
      const { voxels: pacsVoxels, ...pacsRest } = b;
      for (const key of Object.keys(folderRest) as (keyof typeof folderRest)[])
        note(`${label}: ${key}`, folderRest[key], pacsRest[key]);
      note(`${label}: voxel type`, folderVoxels.constructor.name, pacsVoxels.constructor.name);
      if (!Buffer.from(folderVoxels.buffer).equals(Buffer.from(pacsVoxels.buffer))) found.push(`${label}: voxels`);
    }
  }
  return found;
}

async function outcomeOf<T>(load: () => Promise<T>): Promise<T | string> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
}

function uids(datasets: readonly Record<string, { Value?: unknown } | undefined>[], tag: string): string[] {
  return datasets.map((dataset) => String((dataset[tag]?.Value as unknown[] | undefined)?.[0]));
}
