import { UserError } from '@medsam2/models';
import type { Query } from './types.js';

/**
 * What enters an address. Identifiers with leading zeros occur in real archives, so less is asked of them than the
 * standard does (PS3.5 section 9.1): digits and dots, which cannot lead anywhere else.
 */
const UID = /^\d+(\.\d+)*$/;

/** @throws UserError `invalid-uid` */
export function checkedUid(uid: string): string {
  if (uid.length <= 64 && UID.test(uid)) return uid;
  throw new UserError(
    'invalid-uid',
    `${JSON.stringify(uid.slice(0, 80))} is no DICOM unique identifier.`,
    'Give an identifier of digits and dots with at most 64 characters.',
  );
}

export const studyPath = (study: string): string => `/studies/${checkedUid(study)}`;
export const seriesPath = (study: string, series: string): string => `${studyPath(study)}/series/${checkedUid(series)}`;
export const instancePath = (study: string, series: string, instance: string): string =>
  `${seriesPath(study, series)}/instances/${checkedUid(instance)}`;

/** A keyword (PatientName), a tag (00100010), or a path of those through sequences. */
const ATTRIBUTE = /^([A-Za-z][A-Za-z0-9]*|[0-9A-Fa-f]{8})(\.([A-Za-z][A-Za-z0-9]*|[0-9A-Fa-f]{8}))*$/;
const MAX_VALUE = 1024;

/**
 * Matching of QIDO-RS as URL parameters (PS3.18 section 8.3.4). Orthanc ignores attributes it does not know and then
 * answers with everything: spelling is the caller's care.
 *
 * @throws UserError `invalid-query`
 */
export function queryParameters(query: Query): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    const paged = name === 'limit' || name === 'offset';
    if (paged || !ATTRIBUTE.test(name) || value.length > MAX_VALUE) {
      throw new UserError(
        'invalid-query',
        `A query cannot ask for ${JSON.stringify(name.slice(0, 80))} in this way.`,
        `Use DICOM keywords or tags with values of at most ${MAX_VALUE} characters.`,
      );
    }
    parameters.append(name, value);
  }
  return parameters;
}
