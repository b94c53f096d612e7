import { setImmediate } from 'node:timers/promises';
import { UserError } from '@medsam2/models';
import type { VolumeInfo } from '@medsam2/protocol';
import { item, items, text } from '../imaging/dicom/dataset.js';
import {
  framesOf,
  isRejected,
  MAX_FRAMES,
  OVERRULABLE,
  parsePart10,
  planVolumes,
  readHeader,
  sliceSource,
  tooManyFrames,
  volumeLabel,
  type DicomDataset,
  type FrameDescriptor,
  type VolumePlan,
} from '../imaging/dicom/index.js';
import type { SegSource } from '../segmentation/types.js';
import { attributesOf } from './attributes.js';
import { PacsError } from './errors.js';
import type { Pacs, PacsCall } from './types.js';

export interface SeriesAddress {
  readonly study: string;
  readonly series: string;
}

/** What a series holds, as its metadata tells; no pixels yet. */
export interface SeriesPlan extends SeriesAddress {
  /** what can be segmented, rejected ones included: usable ones first, larger ones first */
  readonly volumes: readonly VolumePlan[];
  /** images and other objects of the series */
  readonly instances: number;
  /** attributes of the images by SOP Instance UID, without large and private values: what a SEG repeats */
  readonly attributes: ReadonlyMap<string, DicomDataset>;
}

/** What may be done in one go while others wait. */
const TURN_MS = 4;

/**
 * Plans the volumes of a series from one metadata request.
 *
 * @throws UserError `series-not-found` (also when the series belongs to another study), `no-images`, `too-many-frames`;
 *   what the PACS throws
 */
export async function planSeries(pacs: Pacs, address: SeriesAddress, call: PacsCall = {}): Promise<SeriesPlan> {
  const { study, series } = address;
  const metadata = await seriesMetadata(pacs, address, call);
  const frames: FrameDescriptor[] = [];
  const attributes = new Map<string, DicomDataset>();
  let turn = performance.now();
  for (const [source, dataset] of metadata.entries()) {
    if (text(dataset, '0020000D') !== study || text(dataset, '0020000E') !== series) throw notFound(pacs);
    // the transfer syntax is known for sure when the instance comes; some archives tell it before (PS3.18 section 10.4.3)
    const header = readHeader({ dataset, transferSyntaxUid: text(dataset, '00083002') ?? '' }, source, true);
    if (!header) continue;
    if (frames.length + header.numberOfFrames > MAX_FRAMES) throw tooManyFrames();
    frames.push(...framesOf(dataset, header));
    attributes.set(header.sopInstanceUid, attributesOf(dataset));
    if (performance.now() - turn > TURN_MS) {
      await setImmediate();
      turn = performance.now();
    }
  }
  call.signal?.throwIfAborted();
  if (frames.length === 0) {
    throw new UserError(
      'no-images',
      `The series holds no images, only ${metadata.length === 1 ? 'an object' : `${metadata.length} objects`} of other kinds.`,
      'Choose a series of images.',
    );
  }
  return { study, series, volumes: planVolumes(frames), instances: metadata.length, attributes };
}

/** What clients are told of a volume of a series. */
export function toVolumeInfo(plan: SeriesPlan, index: number): VolumeInfo {
  const volume = volumeOf(plan, index);
  const { geometry, findings, modality, kind } = volume;
  return {
    index,
    label: volumeLabel(volume),
    modality,
    kind,
    slices: geometry.slices,
    rows: geometry.rows,
    columns: geometry.columns,
    spacing: [...geometry.spacing],
    origin: [...geometry.origin],
    direction: [...geometry.direction],
    findings: [...findings],
    rejected: isRejected(volume),
    overrulable: [
      ...new Set(
        findings.filter(({ severity, code }) => severity === 'reject' && OVERRULABLE.has(code)).map(({ code }) => code),
      ),
    ],
  };
}

/**
 * The one volume that is meant: the chosen one, or the only one that is usable. A single volume is chosen even when it
 * is rejected, so that its own reason is what the user gets.
 *
 * @throws UserError `no-such-volume`; `several-volumes` with the choices listed
 */
export function chooseVolume(plan: SeriesPlan, index?: number): number {
  if (index !== undefined) {
    volumeOf(plan, index);
    return index;
  }
  if (plan.volumes.length === 1 || plan.volumes.every(isRejected)) return 0;
  throw new UserError(
    'several-volumes',
    `The series holds ${plan.volumes.length} volumes.`,
    `Choose one by its number: ${listed(plan)}.`,
  );
}

/** What a SEG of one volume is made from; `sliceSources` and `findings` of the loaded volume are exact to the digit. */
export function segSource(
  plan: SeriesPlan,
  index: number,
  loaded?: Pick<SegSource, 'findings'> & { readonly sliceSources?: SegSource['sliceSources'] },
): SegSource {
  const volume = volumeOf(plan, index);
  const sliceSources = loaded?.sliceSources ?? volume.frames.map(sliceSource);
  const needed = new Set(sliceSources.map(({ sopInstanceUid }) => sopInstanceUid));
  return {
    kind: volume.kind,
    ...(volume.modality ? { modality: volume.modality } : {}),
    geometry: volume.geometry,
    sliceSources,
    findings: loaded?.findings ?? volume.findings,
    attributes: new Map([...plan.attributes].filter(([uid]) => needed.has(uid))),
  };
}

/** @throws UserError `no-such-volume` */
export function volumeOf(plan: SeriesPlan, index: number): VolumePlan {
  const volume = plan.volumes.at(index);
  if (volume && index >= 0) return volume;
  throw new UserError(
    'no-such-volume',
    `There is no volume ${index} in the series.`,
    `Choose one of: ${listed(plan)}.`,
  );
}

const LISTED = 20;

function listed(plan: SeriesPlan): string {
  const choices = plan.volumes.slice(0, LISTED).map((volume, index) => `${index} = ${volumeLabel(volume)}`);
  const rest = plan.volumes.length - choices.length;
  return `${choices.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}

async function seriesMetadata(pacs: Pacs, { study, series }: SeriesAddress, call: PacsCall): Promise<DicomDataset[]> {
  try {
    const metadata = await pacs.seriesMetadata(study, series, call);
    if (metadata.some(isGarbled)) return await instanceHeaders(pacs, { study, series }, call);
    if (metadata.length > 0) return metadata;
  } catch (error) {
    if (!(error instanceof PacsError) || error.code !== 'pacs-not-found') throw error;
  }
  throw notFound(pacs);
}

/**
 * Whether numbers of the geometry got lost on the way: Orthanc 1.10 reads the backslash between values as the yen sign
 * where the character set is Japanese (ISO_IR 13), and then gives lists without values.
 */
function isGarbled(dataset: DicomDataset): boolean {
  const places = [dataset, ...macros(item(dataset, '52009229')), ...macros(item(dataset, '52009230'))];
  return places.some((place) =>
    ['00200032', '00200037', '00280030'].some((tag) => {
      const values = place[tag]?.Value;
      return Array.isArray(values) && values.length === 0;
    }),
  );
}

/** Items that hold position, orientation and pixel spacing in functional groups. */
const macros = (groups: DicomDataset | undefined): DicomDataset[] =>
  ['00209113', '00209116', '00289110'].flatMap((tag) => items(groups ?? {}, tag));

/** What metadata should have told, from the instances themselves: each is read and dropped. */
async function instanceHeaders(pacs: Pacs, { study, series }: SeriesAddress, call: PacsCall): Promise<DicomDataset[]> {
  const headers: DicomDataset[] = [];
  for await (const bytes of pacs.seriesInstances(study, series, call)) {
    headers.push(attributesOf(parsePart10(bytes).dataset));
    await setImmediate();
  }
  return headers;
}

function notFound(pacs: Pacs): UserError {
  return new UserError(
    'series-not-found',
    `The PACS ${pacs.name} has no such series in this study.`,
    'Check the identifiers of study and series, and whether the PACS still holds them.',
  );
}
