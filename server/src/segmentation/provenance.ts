import { codeItem, standardCodes } from './codes.js';
import { elements, type Elements } from './elements.js';
import { fitText, type Timestamp } from './text-values.js';
import type { Provenance } from './types.js';

/** Who makes the software: type 1 of Enhanced General Equipment (PS3.3 section C.7.5.2). */
const MANUFACTURER = 'medsam2-ohif';
/** LO */
const LONGEST_LINE = 64;
/** LT */
const LONGEST_PARAMETERS = 10_240;
const DEMONSTRATION = 'demonstration';

/**
 * SeriesDescription as it is written: results of a demonstration model say so wherever series are listed. The end of
 * the description stays (version numbers stand there); its middle is cut when the whole is longer than 64 characters.
 */
export function seriesDescription(description: string, provenance: Provenance): string {
  const needsMark = isDemonstration(provenance) && !description.toLowerCase().includes(DEMONSTRATION);
  const mark = needsMark ? ` (${DEMONSTRATION})` : '';
  const text = fitText(description, Number.MAX_SAFE_INTEGER);
  const [, head, version] = /^(.*?)( v\d+)?$/s.exec(text) ?? ['', text, ''];
  return `${fitText(head, LONGEST_LINE - mark.length - (version ?? '').length)}${mark}${version ?? ''}`;
}

export const isDemonstration = (provenance: Provenance): boolean => provenance.model?.demonstration === true;

/** ContentDescription: how it was made and whether a person looked at it, where viewers show it. */
export function contentDescription(provenance: Provenance): string {
  const review = provenance.reviewed ? 'reviewed' : 'not reviewed';
  if (isDemonstration(provenance)) return `Demonstration model, not for clinical use; ${review}`;
  if (!provenance.model) return `Drawn by hand; ${review}`;
  const made = fitText(`Model ${provenance.model.name}`, LONGEST_LINE - review.length - 2);
  return `${made}; ${review}`;
}

/** General and Enhanced General Equipment: all four type 1. */
export function equipment(provenance: Provenance): Elements {
  return elements({
    Manufacturer: MANUFACTURER,
    ManufacturerModelName: fitText(provenance.softwareName, LONGEST_LINE),
    DeviceSerialNumber: fitText(provenance.deviceSerialNumber, LONGEST_LINE),
    SoftwareVersions: fitText(provenance.softwareVersion, LONGEST_LINE),
  });
}

/** Name of the algorithm as segments carry it. */
export const algorithmName = (model: NonNullable<Provenance['model']>): string =>
  model.demonstration && !model.name.toLowerCase().includes(DEMONSTRATION)
    ? `${fitText(model.name, LONGEST_LINE - DEMONSTRATION.length - 3)} (${DEMONSTRATION})`
    : fitText(model.name, LONGEST_LINE);

/** Item of SegmentationAlgorithmIdentificationSequence (PS3.3 table 10-19). */
export function algorithmIdentification(provenance: Provenance): Elements | undefined {
  const { model } = provenance;
  if (!model) return undefined;
  const parameters = [['sha256', model.sha256] as const, ...model.parameters];
  return elements({
    AlgorithmFamilyCodeSequence: [codeItem(standardCodes.artificialIntelligence)],
    AlgorithmName: algorithmName(model),
    AlgorithmVersion: fitText(model.version, LONGEST_LINE),
    AlgorithmParameters: fitText(parameters.map(([name, value]) => `${name}=${value}`).join('; '), LONGEST_PARAMETERS),
    AlgorithmSource: fitText(`${provenance.softwareName} ${provenance.softwareVersion}`, LONGEST_LINE),
  });
}

/**
 * Items of ContributingEquipmentSequence (PS3.3 section C.12.1): this software, and what ran the model. The review by a
 * person stands here in words: no attribute of the Segmentation IOD is meant for it (Approval Status belongs to
 * radiotherapy, Verification Flag to reports).
 */
export function contributingEquipment(provenance: Provenance, when: Timestamp): Elements[] {
  const purpose = { PurposeOfReferenceCodeSequence: [codeItem(standardCodes.processingEquipment)] };
  const review = provenance.reviewed
    ? 'A person stated before saving that every slice was reviewed.'
    : 'Nobody stated before saving that the slices were reviewed.';
  const own = elements({
    ...purpose,
    Manufacturer: MANUFACTURER,
    ManufacturerModelName: fitText(provenance.softwareName, LONGEST_LINE),
    DeviceSerialNumber: fitText(provenance.deviceSerialNumber, LONGEST_LINE),
    SoftwareVersions: fitText(provenance.softwareVersion, LONGEST_LINE),
    ContributionDateTime: when.dateTime,
    ContributionDescription: `Segmentation. ${review}${isDemonstration(provenance) ? ' Made with a demonstration model: not for clinical use.' : ''}`,
  });
  if (!provenance.model || !provenance.runtime) return [own];
  const runtime = elements({
    ...purpose,
    Manufacturer: fitText(provenance.runtime.name, LONGEST_LINE),
    ManufacturerModelName: fitText(provenance.runtime.name, LONGEST_LINE),
    SoftwareVersions: fitText(provenance.runtime.version, LONGEST_LINE),
    ContributionDescription: 'Ran the model.',
  });
  return [own, runtime];
}
