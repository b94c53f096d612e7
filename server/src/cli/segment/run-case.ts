import { dirname } from 'node:path';
import { writeLabelMap } from '../../imaging/write.js';
import type { RunReport } from '../../report/run-report.js';
import type { Progress } from '../progress.js';
import { modelNotes, type ModelSession } from '../session.js';
import { writeFrames, type FramesDestination } from './frames-output.js';
import { makeFolder, writeText } from './outputs.js';
import { writeOverlays } from './overlays.js';
import { buildRunReport } from './run-report.js';
import { segmentVolume, type PreparedVolume, type SegmentedVolume } from './segment-volume.js';

/** Where everything about one case goes. */
export interface CaseDestination {
  /** name for the report, without path */
  readonly name: string;
  readonly mask:
    | { readonly kind: 'file'; readonly path: string }
    | ({ readonly kind: 'frames' } & FramesDestination)
    /** the result goes elsewhere */
    | { readonly kind: 'none' };
  readonly overlays?: string;
  readonly report?: string;
  /** write the mask also when it is empty */
  readonly allowEmpty: boolean;
}

export interface CaseTask {
  readonly prepared: PreparedVolume;
  readonly input: { readonly name: string; readonly sha256: string };
  /** names of labels, where given */
  readonly names: ReadonlyMap<number, string>;
  readonly destination: CaseDestination;
  readonly readSeconds: number;
  readonly modelSeconds: number;
}

export interface CaseOutcome {
  readonly report: RunReport;
  readonly result: SegmentedVolume;
  /** `empty`: the model ran and no voxel is in the result */
  readonly status: 'found' | 'empty';
}

/**
 * Segments one case and writes what is asked for: mask, overlays, and last the report, which so speaks of what is there.
 *
 * @throws UserError those of the engine and the writers
 */
export async function runCase(
  session: ModelSession,
  { prepared, input, names, destination, readSeconds, modelSeconds }: CaseTask,
  progress: Progress,
  signal: AbortSignal,
): Promise<CaseOutcome> {
  const started = new Date();
  const { volume } = prepared;
  const result = await segmentVolume(
    session.segmenter,
    prepared,
    (done, total) => progress.update(done, total),
    signal,
  );
  progress.stop();
  const found = result.assembly.objects.some(({ voxels }) => voxels > 0);
  const writing = performance.now();
  const { mask, overlays, report: reportPath, allowEmpty } = destination;
  const writesMask = mask.kind !== 'none' && (found || allowEmpty);
  if (writesMask && mask.kind === 'file') {
    await makeFolder(dirname(mask.path));
    await writeLabelMap(mask.path, { labels: result.assembly.labels, geometry: volume.geometry }, volume);
  } else if (writesMask && mask.kind === 'frames') {
    await writeFrames(mask, result.assembly, volume.geometry, signal);
  }
  if (overlays !== undefined) {
    const text = { model: session.model.name, demonstration: session.model.demonstration, names };
    await writeOverlays(overlays, prepared, result, text, signal);
  }
  const report = buildRunReport(session, prepared, result, {
    input,
    names,
    file: writesMask ? destination.name : undefined,
    started,
    readSeconds,
    modelSeconds,
    writeSeconds: (performance.now() - writing) / 1000,
    warnings: [...modelNotes(session.model), ...caseWarnings(prepared, result, names)],
  });
  if (reportPath !== undefined) await writeText(reportPath, `${JSON.stringify(report, null, 2)}\n`);
  return { report, result, status: found ? 'found' : 'empty' };
}

/** What a person must know about a result, one sentence each. */
export function caseWarnings(
  { volume, window, settings }: PreparedVolume,
  { assembly, absent }: SegmentedVolume,
  names: ReadonlyMap<number, string>,
): string[] {
  const named = (label: number): string => (names.has(label) ? `${label} (${names.get(label)})` : String(label));
  const warnings = [...volumeWarnings(volume.findings), ...window.notes];
  for (const { label, slice, presence } of absent) {
    warnings.push(`Object ${named(label)} was not found on slice ${slice} (presence ${presence.toFixed(1)}).`);
  }
  for (const { label, lostVoxels, voxels } of assembly.objects) {
    if (lostVoxels === 0) continue;
    const how = settings.options.nonOverlap ? 'objects with a higher score there' : 'later objects';
    warnings.push(`Object ${named(label)} lost ${lostVoxels} of ${lostVoxels + voxels} voxels to ${how}.`);
  }
  return warnings;
}

export const volumeWarnings = (findings: PreparedVolume['volume']['findings']): string[] =>
  findings.filter(({ severity }) => severity !== 'info').map(({ message }) => message);
