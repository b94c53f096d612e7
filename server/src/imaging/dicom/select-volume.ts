import { UserError } from '@medsam2/models';
import type { DicomReadResult, VolumeCandidate } from './read-instances.js';

export interface VolumeChoice {
  /** Series Instance UID */
  readonly series?: string;
  /** index of the candidate, as listed by the error `several-volumes` */
  readonly volume?: number;
}

/** Choices in a list; longer lists are cut with a count of the rest. */
const LISTED = 20;

/**
 * The one volume that is meant: the chosen one, or the only one there is.
 * A single candidate is returned even when it is rejected, so that its own reason is what the user gets from `load`.
 *
 * @throws UserError `no-images`, `no-such-series`, `no-such-volume`; `mixed-series` or `several-volumes` with the
 *   choices listed
 */
export function selectVolume(result: DicomReadResult, choice: VolumeChoice = {}): VolumeCandidate {
  const { candidates } = result;
  if (choice.volume !== undefined) {
    const chosen = candidates.find(({ index }) => index === choice.volume);
    if (chosen && (choice.series === undefined || chosen.seriesInstanceUid === choice.series)) return chosen;
    throw new UserError(
      'no-such-volume',
      `There is no volume ${choice.volume}.`,
      `Choose one of:${listed(candidates)}`,
    );
  }
  if (candidates.length === 0) throw noImages(result);
  const inSeries = candidates.filter(
    ({ seriesInstanceUid }) => choice.series === undefined || seriesInstanceUid === choice.series,
  );
  if (inSeries.length === 0) {
    throw new UserError(
      'no-such-series',
      `There is no series ${choice.series}.`,
      `Choose one of:${listed(candidates)}`,
    );
  }
  const series = new Set(inSeries.map(({ seriesInstanceUid }) => seriesInstanceUid));
  if (series.size > 1) {
    throw new UserError(
      'mixed-series',
      `The images belong to ${series.size} series.`,
      `Choose one by its Series Instance UID or volume number:${listed(inSeries)}`,
    );
  }
  if (inSeries.length === 1) return inSeries[0];
  // parts of a series that must not be used as they are: the reason is the answer, not the list of parts
  if (inSeries.every(({ rejected }) => rejected)) return inSeries[0];
  throw new UserError(
    'several-volumes',
    `The series holds ${inSeries.length} volumes.`,
    `Choose one by its volume number:${listed(inSeries)}`,
  );
}

function noImages(result: DicomReadResult): UserError {
  const skipped = result.findings.map(({ message }) => message.replace(/\.$/, '')).join('; ');
  return new UserError(
    'no-images',
    `There are no DICOM images to read${skipped === '' ? '' : ` (${skipped})`}.`,
    'Give the folder of one DICOM series.',
  );
}

/** The choices in one line, as part of a remedy: number, label, findings to heed, series. */
function listed(candidates: readonly VolumeCandidate[]): string {
  const entries = candidates.slice(0, LISTED).map(({ index, label, seriesInstanceUid, findings }) => {
    const reasons = findings.filter(({ severity }) => severity !== 'info').map(({ code }) => code);
    const heed = reasons.length > 0 ? ` [${reasons.join(', ')}]` : '';
    return `${index} = ${label}${heed} in series ${seriesInstanceUid || 'without UID'}`;
  });
  const rest = candidates.length - entries.length;
  return ` ${entries.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}.`;
}
