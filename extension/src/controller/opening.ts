/** Which session a series is worked on with: one that waits on the server, or what a new one is made of. */
import type { SessionState } from '@medsam2/protocol';
import { optional, type CreateBody } from '../client/api.js';
import { ApiError } from '../client/api-error.js';
import { WorkError, type SeriesTarget, type StoredSegmentation } from '../contract/index.js';
import { chosenVolume, standingFindings, type WorkData } from './data.js';
import type { Environment } from './environment.js';
import { wantedWindow } from './windowing.js';

/** The user's own sessions on a series, newest first. */
export function ownSessionsOn(
  { study, series }: Pick<SeriesTarget, 'study' | 'series'>,
  sessions: readonly SessionState[],
  { ownSessions, shared, pacs }: Pick<Environment, 'ownSessions' | 'shared' | 'pacs'>,
): SessionState[] {
  const { service } = shared.get();
  const wanted = pacs ?? service?.pacs[0]?.name;
  return sessions
    .filter(({ source }) => source.study === study && source.series === series)
    .filter(({ source }) => source.pacs === undefined || wanted === undefined || source.pacs === wanted)
    .filter((session) => ownSessions.isOwn(session, service))
    .sort((a, b) => b.created.localeCompare(a.created));
}

/** Work that is not saved, or was left a moment ago. */
export const isWaiting = ({ unsaved, phase, segments }: SessionState): boolean =>
  unsaved || (phase !== 'closed' && phase !== 'failed' && segments.length > 0);

/** A session in which nothing was done. @param model that it must have; undefined: any */
export const isUnused =
  (model: string | undefined) =>
  ({ segments, prompts, model: { name }, phase, canUndo }: SessionState): boolean =>
    segments.length === 0 &&
    prompts.length === 0 &&
    !canUndo &&
    phase !== 'failed' &&
    (model === undefined || model === name);

/** The server cannot use this window on this series. */
export const isNoWindow = (error: unknown): boolean =>
  error instanceof ApiError && ['window-on-colour', 'window-invalid', 'window-flat'].includes(error.code);

/**
 * What a session on a series is asked for with.
 * @param segmentation what it begins with; default: nothing
 * @throws WorkError when the user has to say more first
 */
export function createBody(
  data: WorkData,
  { pacs, viewer, shared }: Pick<Environment, 'pacs' | 'viewer' | 'shared'>,
  segmentation?: StoredSegmentation,
): CreateBody {
  const { study, series } = data.target;
  const volume = chosenVolume(data);
  if (volume === undefined) throw new WorkError({ key: 'why.choose-volume' });
  if (standingFindings(volume, data.overruled).length > 0) throw new WorkError({ key: 'why.rejected' });
  const source = {
    study,
    series,
    ...optional({ pacs, volume: data.volumes.length > 1 ? volume.index : undefined }),
    ...(data.overruled.length > 0 ? { overrule: [...data.overruled] } : {}),
  };
  return {
    source,
    window: wantedWindow(shared.get().windowChoice, viewer),
    ...optional({ model: shared.get().modelName, position: viewer.position() }),
    ...(segmentation === undefined
      ? {}
      : { segmentation: { series: segmentation.series, sopInstanceUid: segmentation.sopInstanceUid } }),
  };
}
