import { UserError } from '@medsam2/models';
import { count } from '../imaging/dicom/findings.js';
import type { GridGeometry, LabelMap, Volume } from '../imaging/volume.js';
import { labelFileContent } from '../imaging/write.js';

/** A segment whose masks are asked for one slice at a time. */
export interface LabelledSegment {
  /** value in the label map, 1..65535; 0 is background */
  readonly value: number;
  readonly label: string;
  /** slices with at least one pixel, ascending */
  readonly slices: readonly number[];
  /** [row][column] zero or not, of one of `slices` */
  mask(slice: number): Uint8Array;
}

/**
 * What happens to a voxel of several segments; a label map has room for one.
 * `refuse`: an error; `later-wins`, `earlier-wins`: the segment that is later (earlier) in the order given keeps it.
 */
export type OverlapRule = 'refuse' | 'later-wins' | 'earlier-wins';

export interface LabelMapResult {
  readonly labelMap: LabelMap;
  /** voxels that belong to more than one segment */
  readonly overlappingVoxels: number;
  /** voxels that a segment has in its mask and not in the label map; only segments that lost some */
  readonly lost: readonly { readonly value: number; readonly voxels: number }[];
}

/**
 * One label map of several segments, on the grid of the volume: [slice][row][column], 8 bits up to value 255.
 *
 * @throws UserError `segments-overlap` with the rule `refuse`
 * @throws RangeError when values repeat or masks do not fit the grid: a defect of the caller
 */
export function labelMapOf(
  segments: readonly LabelledSegment[],
  geometry: GridGeometry,
  rule: OverlapRule,
): LabelMapResult {
  checkValues(segments);
  const size = geometry.rows * geometry.columns;
  const largest = Math.max(0, ...segments.map(({ value }) => value));
  const voxels = size * geometry.slices;
  const labels = largest > 255 ? new Uint16Array(voxels) : new Uint8Array(voxels);
  const lost = new Map<number, number>();
  const lose = (value: number): void => void lost.set(value, (lost.get(value) ?? 0) + 1);
  const shared = new VoxelSet(voxels);
  for (const segment of segments) {
    const { value } = segment;
    for (const slice of segment.slices) {
      const mask = segment.mask(slice);
      if (slice < 0 || slice >= geometry.slices || mask.length !== size) {
        throw new RangeError(`slice ${slice} with ${mask.length} pixels does not fit the grid`);
      }
      for (let pixel = 0, at = slice * size; pixel < size; pixel++, at++) {
        if (mask[pixel] === 0) continue;
        const present = labels[at];
        if (present === 0) labels[at] = value;
        else {
          if (rule === 'refuse') throw overlap(slice);
          shared.add(at);
          lose(rule === 'later-wins' ? present : value);
          if (rule === 'later-wins') labels[at] = value;
        }
      }
    }
  }
  return {
    labelMap: { labels, geometry },
    overlappingVoxels: shared.size,
    lost: [...lost].sort(([a], [b]) => a - b).map(([value, amount]) => ({ value, voxels: amount })),
  };
}

/** Voxels of which each counts once, however many segments meet in it; one bit each, none while there are none. */
class VoxelSet {
  private bits: Uint8Array | undefined;
  size = 0;

  constructor(private readonly voxels: number) {}

  add(voxel: number): void {
    this.bits ??= new Uint8Array(Math.ceil(this.voxels / 8));
    const [byte, bit] = [Math.floor(voxel / 8), 1 << (voxel % 8)];
    if ((this.bits[byte] & bit) !== 0) return;
    this.bits[byte] |= bit;
    this.size++;
  }
}

/** A file of labels for other programs. */
export interface ExportedLabelMap extends Omit<LabelMapResult, 'labelMap'> {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** with the dot */
  readonly extension: string;
  /** what to know before using the file elsewhere; sentences without patient data */
  readonly remarks: readonly string[];
}

export type LabelMapFormat = 'nii.gz' | 'nrrd' | 'npz';

const CONTENT_TYPES: Readonly<Record<LabelMapFormat, string>> = {
  'nii.gz': 'application/gzip',
  nrrd: 'application/octet-stream',
  npz: 'application/zip',
};

/**
 * The segments as a file: NIfTI (RAS), NRRD (LPS) or MedSAM2 npz, with the grid of the volume. Tilted stacks keep their
 * true (sheared) grid; what such a file cannot say, `remarks` does.
 *
 * @param volume grid, and for file formats the source's own header, which the result repeats when it has the same format
 * @throws UserError `segments-overlap` with the rule `refuse`
 */
export async function exportLabelMap(
  segments: readonly LabelledSegment[],
  volume: Pick<Volume, 'geometry' | 'kind' | 'findings' | 'native'>,
  format: LabelMapFormat,
  rule: OverlapRule,
): Promise<ExportedLabelMap> {
  const { labelMap, overlappingVoxels, lost } = labelMapOf(segments, volume.geometry, rule);
  const chunks: Uint8Array[] = [];
  for await (const chunk of await labelFileContent(format, labelMap, volume)) chunks.push(chunk);
  return {
    bytes: Buffer.concat(chunks),
    contentType: CONTENT_TYPES[format],
    extension: `.${format}`,
    overlappingVoxels,
    lost,
    remarks: [...gridRemarks(volume), ...overlapRemarks(overlappingVoxels, rule)],
  };
}

const GRID_REMARKS: Readonly<Record<string, string>> = {
  'gantry-tilt': 'The grid of the file is sheared, as the stack is; programs that assume right angles show it wrong.',
  'sheared-grid': 'The grid of the file is sheared, as the image is; programs that assume right angles show it wrong.',
  'nonuniform-spacing':
    'Slice distances differ; the grid of the file has the most common one, so positions in it are not exact.',
  'missing-slices':
    'Slices are missing; in the file the others lie without a gap, so positions behind it are not exact.',
  'single-slice': 'The volume has one slice; its thickness in the file need not be the true one.',
};

function gridRemarks({ kind, findings }: Pick<Volume, 'kind' | 'findings'>): string[] {
  if (kind === 'cine') return ['The third axis of the file is time, its unit one frame; pixels have no size.'];
  return findings.flatMap(({ code }) => GRID_REMARKS[code] ?? []);
}

function overlapRemarks(overlappingVoxels: number, rule: OverlapRule): string[] {
  if (overlappingVoxels === 0) return [];
  const which = rule === 'later-wins' ? 'later' : 'earlier';
  return [`${count(overlappingVoxels, 'voxel')} of more than one segment; the ${which} segment has them in the file.`];
}

function checkValues(segments: readonly LabelledSegment[]): void {
  const values = segments.map(({ value }) => value);
  const usable = values.every((value) => Number.isInteger(value) && value >= 1 && value <= 65535);
  if (!usable || new Set(values).size !== values.length)
    throw new RangeError('label values must be different, 1..65535');
}

const overlap = (slice: number): UserError =>
  new UserError(
    'segments-overlap',
    `Segments overlap on slice ${slice}, and a label map has room for one segment per voxel.`,
    'Export them one by one, save them as a DICOM segmentation, or say which segment is to win.',
  );
