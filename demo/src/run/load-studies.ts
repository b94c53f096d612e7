/** Puts generated studies into a PACS, by DICOMweb alone, so that any PACS will do. */
import { UserError } from '@medsam2/models';
import type { Pacs } from '@medsam2/server/dicomweb';
import type { PhantomStudy } from '../phantoms/index.js';

const atOnce = 4;

/**
 * Sends the studies that are not there yet, whole.
 *
 * @returns how many instances were sent
 * @throws UserError `pacs-…` of the PACS; `pacs-refused` when it did not store an instance
 */
export async function loadStudies(pacs: Pacs, studies: readonly PhantomStudy[]): Promise<number> {
  let sent = 0;
  for (const study of studies) {
    if (await isThere(pacs, study)) continue;
    const queue = study.instances().values();
    const send = async (): Promise<void> => {
      for (const instance of queue) {
        const [stored] = await pacs.store(study.studyUid, instance);
        if (stored?.outcome !== 'listed') throw refused(study, stored?.failureReason);
        sent++;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, send));
  }
  return sent;
}

async function isThere(pacs: Pacs, study: PhantomStudy): Promise<boolean> {
  const found = await pacs.searchInstances(study.studyUid, study.seriesUid, {}).catch((error: unknown) => {
    // some archives answer 404 for a study that they do not know
    if (error instanceof UserError && error.code === 'pacs-not-found') return [];
    throw error;
  });
  return found.length === study.sopInstanceUids.length;
}

function refused({ name }: PhantomStudy, reason: number | undefined): UserError {
  const why = reason === undefined ? '' : ` (failure reason ${reason})`;
  return new UserError(
    'pacs-refused',
    `The PACS did not store the generated ${name} study${why}.`,
    'Let it accept CT, MR and ultrasound multi-frame images over STOW-RS, or leave DICOMWEB_URL unset to use a private Orthanc.',
  );
}
