import { pixelGrid } from '../geometry.js';
import type { Finding, GridGeometry } from '../volume.js';
import { count, finding, OVERRULABLE, rejection } from './findings.js';
import type { FrameDescriptor } from './frames.js';
import { transferSyntax } from './transfer-syntaxes.js';

/** Frames that make one volume: their order, their grid, and what is odd about them. Made by `planVolumes`. */
export interface VolumePlan {
  readonly seriesInstanceUid: string;
  readonly modality: string;
  readonly kind: 'stack' | 'cine';
  /** what tells this volume from the others of its series; empty when it is the only one */
  readonly label: readonly string[];
  /** slices in order: ascending along the right-handed normal, or in time */
  readonly frames: readonly FrameDescriptor[];
  readonly geometry: GridGeometry;
  readonly findings: readonly Finding[];
  /** frames left out because another frame of the plan shows the same; `slice` is the index of that frame */
  readonly duplicates: readonly { readonly frame: FrameDescriptor; readonly slice: number }[];
}

/** A plan on the grid of pixels, without findings. */
export function planOf(
  frames: readonly FrameDescriptor[],
  kind: VolumePlan['kind'],
  label: readonly string[],
): VolumePlan {
  const { header } = frames[0];
  return {
    seriesInstanceUid: header.seriesInstanceUid,
    modality: header.modality,
    kind,
    label,
    frames,
    geometry: pixelGrid(header.format.columns, header.format.rows, frames.length),
    findings: [],
    duplicates: [],
  };
}

export const isRejected = (plan: Pick<VolumePlan, 'findings'>): boolean =>
  plan.findings.some((found) => found.severity === 'reject');

/** Modality, size and what tells the volume from others of its series; no patient data. */
export function volumeLabel(plan: VolumePlan): string {
  const { columns, rows, slices } = plan.geometry;
  return [`${plan.modality || 'unknown modality'} ${columns}x${rows}x${slices}`, ...plan.label].join(', ');
}

/**
 * The plan as it may be loaded.
 *
 * @param overrule codes of rejecting findings to accept on purpose (only those in `OVERRULABLE` can be)
 * @throws UserError with the code of the finding that rejects the volume
 */
export function acceptedPlan(plan: VolumePlan, overrule: readonly string[] = []): VolumePlan {
  const against = plan.findings.find(
    ({ severity, code }) => severity === 'reject' && !(overrule.includes(code) && OVERRULABLE.has(code)),
  );
  if (against) throw rejection(against);
  if (plan.kind !== 'cine' || !isRejected(plan)) return plan;
  const opened = finding('opened-as-frames', 'Opened as a sequence of frames: no distance or volume is known.');
  return { ...plan, findings: [...plan.findings, opened] };
}

/** Findings on the state of the pixel data, as far as headers tell; decoding can still find damage. */
export function pixelFindings(frames: readonly FrameDescriptor[]): Finding[] {
  const headers = [...new Set(frames.map((frame) => frame.header))];
  const found: Finding[] = [];
  const absent = headers.filter((header) => header.pixelData === 'absent').length;
  if (absent > 0) found.push(finding('no-pixel-data', `${count(absent, 'image')} without pixel data.`));
  const truncated = headers.filter((header) => header.pixelData === 'truncated').length;
  if (truncated > 0) {
    found.push(
      finding('truncated-pixel-data', `${count(truncated, 'image')} with less pixel data than the size calls for.`),
    );
  }
  // metadata of DICOMweb may not tell the transfer syntax; the instance itself does when it is loaded
  const unsupported = new Set(
    headers.map((header) => header.transferSyntaxUid).filter((uid) => uid !== '' && !transferSyntax(uid).codec),
  );
  for (const uid of unsupported) {
    const message = `The transfer syntax ${uid} (${transferSyntax(uid).name}) is not supported.`;
    found.push(finding('unsupported-transfer-syntax', message));
  }
  const formats = new Set(headers.map(({ format }) => unsupportedFormat(format)).filter((why) => why !== undefined));
  for (const why of formats)
    found.push(finding('unsupported-pixel-format', `The pixel format is not supported: ${why}.`));
  if (new Set(headers.map(({ format }) => format.photometric === 'MONOCHROME1')).size > 1) {
    const message = 'Some images are stored with inverted grey (MONOCHROME1) and some are not.';
    found.push(finding('unsupported-pixel-format', message));
  }
  if (headers.some((header) => header.lossy)) {
    found.push(finding('lossy-compression', 'The images were compressed with loss.'));
  }
  return found;
}

function unsupportedFormat(format: FrameDescriptor['header']['format']): string | undefined {
  const { samplesPerPixel, bitsAllocated, bitsStored, highBit, photometric } = format;
  if (![8, 16, 32].includes(bitsAllocated)) return `${bitsAllocated} bits allocated`;
  if (bitsStored < 1 || bitsStored > bitsAllocated || highBit >= bitsAllocated || highBit + 1 < bitsStored) {
    return `${bitsStored} bits stored of ${bitsAllocated} with high bit ${highBit}`;
  }
  const colour = /^(RGB|YBR_FULL|YBR_FULL_422|YBR_RCT|YBR_ICT)$/.test(photometric);
  if (samplesPerPixel === 3 && colour) return bitsAllocated === 8 ? undefined : `colour with ${bitsAllocated} bits`;
  if (samplesPerPixel === 1 && /^(MONOCHROME[12]|PALETTE COLOR)$/.test(photometric)) return undefined;
  return `${photometric} with ${count(samplesPerPixel, 'sample')} per pixel`;
}
