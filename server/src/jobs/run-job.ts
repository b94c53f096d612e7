import { UserError } from '@medsam2/models';
import type { JobBody, SaveState, SegmentStatistics } from '@medsam2/protocol';
import { decodeRuns } from '@medsam2/protocol/stream';
import type { Principal } from '../identity.js';
import { resolveWindow } from '../imaging/window.js';
import type { Volume } from '../imaging/volume.js';
import { intensityUnit, statisticsInTurns } from '../measurements/index.js';
import type { SaveService } from '../saving/types.js';
import type { SegObject } from '../segmentation/types.js';
import { writeSeg } from '../segmentation/write.js';
import type { ModelHost, ModelLease } from '../sessions/models.js';
import type { Software } from '../sessions/saving.js';
import type { PlannedVolume, SeriesSource } from '../sessions/series-source.js';
import { filledSlices, type SessionContent } from '../sessions/state.js';
import { windowSpec } from '../sessions/window.js';
import { contentOfJob, gridOf } from './content.js';
import { packSeg, unpackSeg, type JobCheckpoint } from './checkpoint.js';
import { followSegments } from './follow.js';
import { segRequestOfJob } from './seg-request.js';

/** What a job is run with. */
export interface JobParts {
  readonly source: SeriesSource;
  readonly models: Pick<ModelHost, 'describe' | 'acquire'>;
  readonly saves: Pick<SaveService, 'save'>;
  readonly software: Software;
  /** bytes of the largest volume */
  readonly volumeBytes: number;
  /** how long a job waits for the PACS to confirm; the save goes on without it. Default 60 seconds */
  readonly confirmMs?: number;
}

export interface JobRun {
  readonly id: string;
  readonly principal: Principal;
  readonly created: Date;
  readonly signal: AbortSignal;
  readonly checkpoint?: JobCheckpoint;
  report(progress: number, stage: string): void;
  keep(checkpoint: JobCheckpoint): Promise<void>;
}

export interface JobResult {
  readonly statistics: readonly SegmentStatistics[];
  readonly warnings: readonly string[];
  readonly save?: SaveState;
}

/** Shares of the whole that the steps take, about. */
const loaded = 0.2;
const followed = 0.9;

/**
 * One job from its request to its end: plan, load, segment, measure, write, save. Run again after a crash it does not
 * store twice: the written object is part of the checkpoint, and its identifiers follow from the job's own.
 *
 * @throws UserError those of PACS, imaging, engine and writer; `nothing-to-save`; the signal's reason
 */
export async function runJob(body: JobBody, parts: JobParts, run: JobRun): Promise<JobResult> {
  const kept = run.checkpoint;
  if (kept !== undefined) return save(body, parts, run, kept);
  const segmented = await segment(body, parts, run);
  const { statistics, warnings, object } = segmented;
  if (object === undefined) return { statistics, warnings };
  const seg = await packSeg(object.seg);
  const checkpoint: JobCheckpoint = { statistics, warnings, seg, description: object.description };
  run.report(followed, 'saving');
  // With the object on record, whoever takes the job up sends exactly this one.
  await run.keep(checkpoint);
  return save(body, parts, run, checkpoint);
}

interface Segmented {
  readonly statistics: SegmentStatistics[];
  readonly warnings: string[];
  readonly object?: { readonly seg: SegObject; readonly description: string };
}

async function segment(body: JobBody, parts: JobParts, run: JobRun): Promise<Segmented> {
  const { principal, signal } = run;
  const call = { signal, authorization: principal.authorization };
  run.report(0, 'reading the series');
  const pacs = parts.source.pacsName(body.source.pacs);
  const planned = (await parts.source.plan(pacs, body.source, call)).volume(body.source.volume);
  const model = await parts.models.describe(body.model);
  // Everything that can be wrong with the request is found before pixels are fetched.
  const grid = gridOf(planned);
  const content = contentOfJob(body, grid);
  const volume = await planned.load({
    ...call,
    maxBytes: parts.volumeBytes,
    overrule: body.source.overrule,
    onProgress: (done, total) => run.report((loaded * done) / Math.max(1, total), 'reading the series'),
  });
  const window = resolveWindow(volume, windowSpec(body.window));
  run.report(loaded, 'waiting for the model');
  const lease = await parts.models.acquire(model.name);
  try {
    const result = await followSegments({ body, content, grid, volume, window, lease, signal }, (done, total) =>
      run.report(loaded + ((followed - loaded) * done) / Math.max(1, total), 'segmenting'),
    );
    run.report(followed, 'measuring');
    const statistics = await measure(result.content, volume, planned);
    const warnings = [...warningsOf(volume, lease, window.notes), ...result.notes];
    if (body.save === undefined) return { statistics, warnings };
    requireSomething(result.content, result.notes);
    const known = await parts.source.segmentations(pacs, body.source.study, call).catch((error: unknown) => {
      // A save is not refused because the PACS cannot say what names are used.
      if (error instanceof UserError) return [];
      throw error;
    });
    const request = segRequestOfJob({ body, run, content: result.content, planned, volume, window, lease, known, software: parts.software }); // prettier-ignore
    const seg = writeSeg(request);
    return { statistics, warnings: [...warnings, ...seg.warnings], object: { seg, description: request.description } };
  } finally {
    lease.release();
  }
}

async function save(body: JobBody, parts: JobParts, run: JobRun, checkpoint: JobCheckpoint): Promise<JobResult> {
  const { statistics, description } = checkpoint;
  run.signal.throwIfAborted();
  run.report(followed, 'saving');
  const state = await parts.saves.save(
    run.principal,
    {
      pacs: parts.source.pacsName(body.source.pacs),
      object: await unpackSeg(checkpoint.seg),
      description,
      origin: run.id,
      // Another server may have sent it before it went away.
      mayBeStored: run.checkpoint !== undefined,
    },
    parts.confirmMs ?? 60_000,
  );
  const unconfirmed =
    state.state === 'verified' ? [] : [`The PACS has not confirmed the segmentation: ${state.message ?? 'it is being sent.'}`]; // prettier-ignore
  return { statistics, warnings: [...checkpoint.warnings, ...unconfirmed], save: state };
}

async function measure(content: SessionContent, volume: Volume, planned: PlannedVolume): Promise<SegmentStatistics[]> {
  const { modality, attributes } = planned.source(volume);
  const unit = intensityUnit(modality, attributes.values().next().value);
  const pixels = volume.geometry.rows * volume.geometry.columns;
  const statistics: SegmentStatistics[] = [];
  for (const id of content.segments.keys()) {
    const masks = content.masks.get(id);
    const mask = (slice: number) => decodeRuns(masks?.get(slice)?.runs ?? new Uint8Array(0), pixels);
    statistics.push(await statisticsInTurns({ id, slices: filledSlices(content, id), mask }, volume, unit));
  }
  return statistics;
}

function warningsOf(volume: Volume, { model }: ModelLease, notes: readonly string[]): string[] {
  const findings = volume.findings.filter(({ severity }) => severity !== 'info').map(({ message }) => message);
  const demonstration = model.demonstration
    ? [`${model.name} is a demonstration model: do not rely on its masks.`]
    : [];
  return [...demonstration, ...findings, ...notes];
}

function requireSomething(content: SessionContent, notes: readonly string[]): void {
  if ([...content.segments.keys()].some((id) => filledSlices(content, id).length > 0)) return;
  throw new UserError(
    'nothing-to-save',
    `No object was found, and no segmentation was saved. ${notes.slice(0, 3).join(' ')}`.trim(),
    'Look at the prompts and the window in a viewer, then submit the job again.',
  );
}
