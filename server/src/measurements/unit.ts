import { item, text, type DicomDataset } from '../imaging/dicom/dataset.js';

/**
 * Names of the values of Units (0054,1001) that have one (PS3.3 section C.8.9.1.1.3); others are given as stated.
 * GML is a standardised uptake value; by what it is normalised stands elsewhere, so it is not called SUVbw here.
 */
const PET_UNITS: Readonly<Record<string, string>> = {
  BQML: 'Bq/ml',
  GML: 'g/ml',
  CM2ML: 'cm2/ml',
  CNTS: 'counts',
  CPS: 'counts/s',
  PROPCNTS: 'proportional to counts',
  PROPCPS: 'proportional to counts/s',
  PCNT: '%',
};

/**
 * The unit of a series' voxel values after rescale.
 *
 * @param modality `CT`, `PT` ... when known
 * @param dataset attributes of one of its instances, when there are any (absent for file formats)
 * @returns `HU` for CT (unless its RescaleType says otherwise), the unit that PET states, what RescaleType states for
 *   others, otherwise `stored`
 */
export function intensityUnit(modality: string | undefined, dataset: DicomDataset = {}): string {
  if (modality === 'PT') {
    const units = text(dataset, '00541001');
    return units === undefined ? 'stored' : (PET_UNITS[units] ?? units);
  }
  const rescaleType = rescaleTypeOf(dataset);
  // CT values are Hounsfield units unless stated otherwise (PS3.3 section C.8.2.1.1.2)
  if (modality === 'CT') return rescaleType ?? 'HU';
  return rescaleType ?? 'stored';
}

/** RescaleType of the instance or of its shared functional groups; `US` is "unspecified" (PS3.3 section C.11.1.1.2). */
function rescaleTypeOf(dataset: DicomDataset): string | undefined {
  const shared = item(item(dataset, '52009229') ?? {}, '00289145') ?? {};
  const first = item(item(dataset, '52009230') ?? {}, '00289145') ?? {};
  const stated = text(shared, '00281054') ?? text(first, '00281054') ?? text(dataset, '00281054');
  return stated === 'US' ? undefined : stated;
}
