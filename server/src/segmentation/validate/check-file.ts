import { has, textOf, numberOf, type Report } from './report.js';
import type { ReadFile } from './read-explicit.js';

const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';

/** File meta information (PS3.10 section 7.1). */
export function checkFileMeta({ meta, metaLength, dataset }: ReadFile, report: Report): void {
  const stated = numberOf(meta, 'FileMetaInformationGroupLength');
  if (stated !== metaLength) {
    report.error(
      'meta-length',
      `The file meta information is ${metaLength} bytes long and states ${stated ?? 'nothing'}.`,
    );
  }
  const pairs = [
    ['MediaStorageSOPClassUID', 'SOPClassUID'],
    ['MediaStorageSOPInstanceUID', 'SOPInstanceUID'],
  ] as const;
  for (const [inMeta, inDataset] of pairs) {
    if (textOf(meta, inMeta) !== textOf(dataset, inDataset)) {
      report.error('meta-identity', `${inMeta} of the file meta information differs from ${inDataset}.`);
    }
  }
  if (textOf(meta, 'TransferSyntaxUID') !== EXPLICIT_LITTLE_ENDIAN) {
    report.error('meta-transfer-syntax', 'The transfer syntax is not Explicit VR Little Endian.');
  }
  for (const keyword of ['FileMetaInformationVersion', 'ImplementationClassUID'] as const) {
    if (!has(meta, keyword)) report.error('meta-incomplete', `${keyword} is missing.`);
  }
}
