import { UserError } from '@medsam2/models';
import type { Finding, GridGeometry, SliceSource, Volume } from '../volume.js';
import { sliceSource } from './fill-volume.js';
import { count, finding } from './findings.js';
import { framesOf, type FrameDescriptor } from './frames.js';
import { planVolumes } from './group.js';
import { isCutOff, readHeader } from './header.js';
import { loadVolume, type LoadOptions, type ReadInstance } from './load-volume.js';
import { isDicom, parsePart10 } from './parse.js';
import { acceptedPlan, isRejected, volumeLabel, type VolumePlan } from './plan.js';

/** One object that may be a DICOM instance: a file, or a part of a DICOMweb answer. Read twice: header, then pixels. */
export interface InstanceSource {
  /** @throws UserError when this one source cannot be read; it is then counted, and the others are read on */
  read(signal?: AbortSignal): Promise<Uint8Array>;
}

/** One volume that could be read. */
export interface VolumeCandidate {
  /** position in `DicomReadResult.candidates`, from 0 */
  readonly index: number;
  readonly seriesInstanceUid: string;
  /** modality, size and what tells the volume from others of its series; no patient data */
  readonly label: string;
  readonly modality: string;
  readonly kind: Volume['kind'];
  readonly geometry: GridGeometry;
  readonly findings: readonly Finding[];
  /** one per slice, in order */
  readonly sliceSources: readonly SliceSource[];
  /** whether any finding says that the volume must not be used as it is */
  readonly rejected: boolean;
  /**
   * Decodes the volume.
   *
   * @param options `overrule`: codes of rejecting findings to accept on purpose (only those in `OVERRULABLE` can be)
   * @throws UserError with the code of the finding that rejects the volume; else what `loadVolume` throws
   */
  load(options?: LoadOptions & { readonly overrule?: readonly string[] }): Promise<Volume>;
}

export interface DicomReadResult {
  readonly candidates: readonly VolumeCandidate[];
  /** on the sources as a whole: objects that are no images, files that cannot be read */
  readonly findings: readonly Finding[];
}

export interface ReadOptions extends LoadOptions {
  /** only this Series Instance UID */
  readonly series?: string;
}

/** More frames than any scanner puts into one series; a declared count beyond it is damage or an attack. */
export const MAX_FRAMES = 100_000;

/**
 * Reads the headers of all sources and plans the volumes they form. Pixels are decoded by `load` of a candidate.
 *
 * @throws UserError `too-many-frames`; the signal's reason when aborted
 */
export async function readInstances(
  sources: readonly InstanceSource[],
  options: ReadOptions = {},
): Promise<DicomReadResult> {
  const frames: FrameDescriptor[] = [];
  const tally = { foreign: 0, objects: 0, unreadable: 0 };
  for (const [index, source] of sources.entries()) {
    options.signal?.throwIfAborted();
    await readFrames(source, index, frames, tally, options.signal);
    if (frames.length > MAX_FRAMES) throw tooManyFrames();
  }
  const chosen = options.series ? frames.filter((frame) => frame.header.seriesInstanceUid === options.series) : frames;
  const read: ReadInstance = (header, signal) => sources[header.source].read(signal);
  const findings = tallyFindings(tally);
  const doubts = findings.filter(({ severity }) => severity !== 'info');
  const candidates = planVolumes(chosen).map((plan, index) =>
    candidate({ ...plan, findings: [...plan.findings, ...doubts] }, index, read, options),
  );
  return { candidates, findings };
}

async function readFrames(
  source: InstanceSource,
  index: number,
  frames: FrameDescriptor[],
  tally: { foreign: number; objects: number; unreadable: number },
  signal?: AbortSignal,
): Promise<void> {
  let parsed;
  try {
    const bytes = await source.read(signal);
    if (!isDicom(bytes)) {
      tally.foreign++;
      return;
    }
    parsed = parsePart10(bytes);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    tally.unreadable++;
    return;
  }
  const header = parsed.complete ? readHeader(parsed, index) : undefined;
  if (header && header.numberOfFrames > MAX_FRAMES) throw tooManyFrames();
  if (header) frames.push(...framesOf(parsed.dataset, header));
  else if (parsed.complete && !isCutOff(parsed.dataset)) tally.objects++;
  else tally.unreadable++;
}

export function tooManyFrames(): UserError {
  return new UserError(
    'too-many-frames',
    `The images declare more than ${MAX_FRAMES} frames.`,
    'Read fewer series at once, or export the series again if it is not that long.',
  );
}

function tallyFindings(tally: { foreign: number; objects: number; unreadable: number }): Finding[] {
  const found: Finding[] = [];
  if (tally.foreign > 0) found.push(finding('not-dicom', `${count(tally.foreign, 'file')} skipped: not DICOM.`));
  if (tally.objects > 0) {
    const message = `${count(tally.objects, 'DICOM object')} skipped: no images (reports, segmentations, directories ...).`;
    found.push(finding('other-objects', message));
  }
  if (tally.unreadable > 0) {
    const message = `${count(tally.unreadable, 'DICOM file')} cannot be read and may be missing from a series.`;
    found.push(finding('dicom-unreadable', message));
  }
  return found;
}

function candidate(plan: VolumePlan, index: number, read: ReadInstance, defaults: LoadOptions): VolumeCandidate {
  return {
    index,
    seriesInstanceUid: plan.seriesInstanceUid,
    label: volumeLabel(plan),
    modality: plan.modality,
    kind: plan.kind,
    geometry: plan.geometry,
    findings: plan.findings,
    sliceSources: plan.frames.map(sliceSource),
    rejected: isRejected(plan),
    load: async ({ overrule = [], ...options } = {}) =>
      loadVolume(acceptedPlan(plan, overrule), read, { ...defaults, ...options }),
  };
}
