import { text } from '../imaging/dicom/dataset.js';
import { codeItem } from './codes.js';
import { elements, type Elements } from './elements.js';
import { attributesOf } from './source-planes.js';
import type { SegRequest, SegSource } from './types.js';

/** Coding scheme of our own for what no standard context group says (PS3.16 section 8.2: private designators begin with 99). */
const PRIVATE_SCHEME = '99MEDSAM2';
const REPLACES = { scheme: PRIVATE_SCHEME, value: 'REPLACES', meaning: 'Segmentation that this one replaces' };

/**
 * Common Instance Reference module: the series of the source first (viewers take the first one for the images to show),
 * with every image of the volume, since the result depends on all of them; then the segmentation that is replaced.
 *
 * The replaced one is also a Referenced Image (General Reference module) whose purpose says so. No purpose of the
 * standard's context group 7201 fits, which may be extended.
 */
export function references(source: SegSource, replaces: SegRequest['replaces']): Elements {
  const bySeries = new Map<string, Map<string, string>>();
  source.sliceSources.forEach(({ sopInstanceUid, sopClassUid }, slice) => {
    const series = text(attributesOf(source, slice), '0020000E') ?? '';
    const instances = bySeries.get(series) ?? new Map<string, string>();
    bySeries.set(series, instances.set(sopInstanceUid, sopClassUid));
  });
  const series = [...bySeries].map(([uid, instances]) =>
    seriesItem(
      uid,
      [...instances].map(([instance, sopClass]) => instanceItem(instance, sopClass)),
    ),
  );
  if (!replaces) return elements({ ReferencedSeriesSequence: series });
  const { sopInstanceUid, sopClassUid, seriesInstanceUid } = replaces;
  return elements({
    ReferencedSeriesSequence: [...series, seriesItem(seriesInstanceUid, [instanceItem(sopInstanceUid, sopClassUid)])],
    ReferencedImageSequence: [
      elements({
        ReferencedSOPClassUID: sopClassUid,
        ReferencedSOPInstanceUID: sopInstanceUid,
        PurposeOfReferenceCodeSequence: [codeItem(REPLACES)],
      }),
    ],
    CodingSchemeIdentificationSequence: [
      elements({ CodingSchemeDesignator: PRIVATE_SCHEME, CodingSchemeName: 'medsam2-ohif' }),
    ],
  });
}

const seriesItem = (uid: string, instances: readonly Elements[]): Elements =>
  elements({ SeriesInstanceUID: uid, ReferencedInstanceSequence: instances });

const instanceItem = (sopInstanceUid: string, sopClassUid: string): Elements =>
  elements({ ReferencedSOPClassUID: sopClassUid, ReferencedSOPInstanceUID: sopInstanceUid });
