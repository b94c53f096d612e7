/** DICOM Segmentations of the study: which there are, and how to show one. */
import { WorkError } from '../contract/text.js';
import type { StoredSegmentation } from '../contract/viewer.js';
import type { Host } from './libraries.js';
import type { Series } from './series.js';
import type { HostDisplaySet } from './types/ohif.js';

/** Segmentation Storage, and Label Map Segmentation Storage. */
const segmentationClasses = new Set(['1.2.840.10008.5.1.4.1.1.66.4', '1.2.840.10008.5.1.4.1.1.66.7']);

/** @param isOurs display sets that the viewer made for labelmaps of this plug-in, which are stored nowhere */
export function storedIn(
  { services }: Host,
  { target }: Series,
  isOurs: (displaySetId: string) => boolean,
): StoredSegmentation[] {
  return services.displaySetService
    .getActiveDisplaySets()
    .filter(({ Modality }) => Modality === 'SEG')
    .filter(({ StudyInstanceUID }) => StudyInstanceUID === target.study)
    .filter((displaySet) => refersTo(displaySet, target.series, target.displaySetId))
    .filter(
      ({ displaySetInstanceUID, SOPInstanceUID }) => SOPInstanceUID !== undefined && !isOurs(displaySetInstanceUID),
    )
    .map(({ SeriesInstanceUID, SOPInstanceUID, SeriesDescription }) => ({
      series: SeriesInstanceUID,
      sopInstanceUid: SOPInstanceUID ?? '',
      description: SeriesDescription ?? '',
    }));
}

const refersTo = (displaySet: HostDisplaySet, series: string, displaySetId: string): boolean =>
  displaySet.referencedSeriesInstanceUID === series || displaySet.referencedDisplaySetInstanceUID === displaySetId;

/** @throws WorkError when the viewer cannot */
export async function openStored(
  host: Host,
  series: Series,
  stored: StoredSegmentation,
  viewportId: string,
): Promise<void> {
  const { displaySetService, userAuthenticationService } = host.services;
  const header = userAuthenticationService.getAuthorizationHeader()?.Authorization;
  const headers: Record<string, string> = header === undefined ? {} : { Authorization: header };
  const find = () =>
    displaySetService
      .getActiveDisplaySets()
      .find(({ SOPInstanceUID, Modality }) => SOPInstanceUID === stored.sopInstanceUid && Modality === 'SEG');
  let displaySet = find();
  if (displaySet === undefined) {
    const instance = await fetchInstance(host, series.target.study, stored, headers);
    displaySetService.makeDisplaySets([instance], { madeInClient: true });
    displaySet = find();
  }
  if (displaySet === undefined) throw refused('no display set');
  try {
    if (displaySet.isLoaded !== true) await displaySet.load?.({ headers });
    await host.commands.runCommand('hydrateSecondaryDisplaySet', { displaySet, viewportId });
  } catch (error) {
    // The host's library for reading segmentations compiles code from texts, in every mode.
    if (error instanceof EvalError) throw new WorkError({ key: 'viewer.open-policy' }, { cause: error });
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
}

/** The instance's metadata from the archive, as the viewer itself names attributes. */
async function fetchInstance(
  { extensions }: Host,
  study: string,
  { series, sopInstanceUid }: StoredSegmentation,
  headers: Readonly<Record<string, string>>,
): Promise<object> {
  const wadoRoot = extensions.getActiveDataSource()[0]?.getConfig?.().wadoRoot;
  if (wadoRoot === undefined) throw refused('its data source has no WADO-RS address');
  const address = `${wadoRoot}/studies/${study}/series/${series}/instances/${sopInstanceUid}/metadata`;
  let answer: Response;
  try {
    answer = await fetch(address, { headers: { ...headers, Accept: 'application/dicom+json' } });
  } catch (error) {
    throw refused('the archive cannot be reached', error);
  }
  if (answer.status === 404 || answer.status === 204) throw new WorkError({ key: 'viewer.open-missing' });
  if (!answer.ok) throw refused(`the archive answers with status ${answer.status}`);
  const body: unknown = await answer.json();
  const [dataset] = Array.isArray(body) ? (body as unknown[]) : [];
  if (typeof dataset !== 'object' || dataset === null) throw new WorkError({ key: 'viewer.open-missing' });
  const instance = naturalised(dataset as DicomJson);
  if (!segmentationClasses.has(String(instance.SOPClassUID))) throw refused('it is no segmentation');
  return { ...instance, wadoRoot };
}

const refused = (detail: string, cause?: unknown): WorkError =>
  new WorkError({ key: 'viewer.open-refused', values: { detail } }, { cause });

interface DicomElement {
  readonly vr?: string;
  readonly Value?: readonly unknown[];
}
export type DicomJson = Readonly<Record<string, DicomElement | undefined>>;

/** What the viewer's handler of segmentations reads, by tag; it takes the rest from the object itself. */
const keywords: Readonly<Record<string, string>> = {
  '00080005': 'SpecificCharacterSet',
  '00080008': 'ImageType',
  '00080016': 'SOPClassUID',
  '00080018': 'SOPInstanceUID',
  '00080020': 'StudyDate',
  '00080021': 'SeriesDate',
  '00080023': 'ContentDate',
  '00080030': 'StudyTime',
  '00080031': 'SeriesTime',
  '00080033': 'ContentTime',
  '00080050': 'AccessionNumber',
  '00080060': 'Modality',
  '00080070': 'Manufacturer',
  '0008103E': 'SeriesDescription',
  '00081030': 'StudyDescription',
  '00081115': 'ReferencedSeriesSequence',
  '0008114A': 'ReferencedInstanceSequence',
  '00081150': 'ReferencedSOPClassUID',
  '00081155': 'ReferencedSOPInstanceUID',
  '00100010': 'PatientName',
  '00100020': 'PatientID',
  '0020000D': 'StudyInstanceUID',
  '0020000E': 'SeriesInstanceUID',
  '00200011': 'SeriesNumber',
  '00200013': 'InstanceNumber',
  '00200052': 'FrameOfReferenceUID',
  '00280008': 'NumberOfFrames',
  '00280010': 'Rows',
  '00280011': 'Columns',
  '00620002': 'SegmentSequence',
  '00620004': 'SegmentNumber',
  '00620005': 'SegmentLabel',
  '00620008': 'SegmentAlgorithmType',
  '00620009': 'SegmentAlgorithmName',
  '00700080': 'ContentLabel',
  '00700081': 'ContentDescription',
};

/** The host reads attributes of an only item from the list itself, too. */
function sequence(items: Record<string, unknown>[]): Record<string, unknown>[] {
  const [only] = items;
  if (items.length === 1) {
    for (const [keyword, value] of Object.entries(only)) Object.defineProperty(items, keyword, { value });
  }
  return items;
}

/** DICOM JSON (PS3.18 F) with keywords for tags, single values without their list. Sequences stay lists. */
export function naturalised(dataset: DicomJson): Record<string, unknown> {
  const instance: Record<string, unknown> = {};
  for (const [tag, element] of Object.entries(dataset)) {
    const keyword = keywords[tag.toUpperCase()];
    const values = element?.Value;
    if (keyword === undefined || values === undefined) continue;
    if (element?.vr === 'SQ') instance[keyword] = sequence(values.map((item) => naturalised(item as DicomJson)));
    else instance[keyword] = values.length === 1 ? values[0] : values;
  }
  return instance;
}
