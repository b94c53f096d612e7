/** The viewer's list of studies, which is another one in each version. */
import type { PhantomStudy } from '@medsam2/demo';
import type { Locator, Page } from 'playwright-core';

/** The list of OHIF 3.13 has names of patients instead of their numbers. */
export function rowOf(page: Page, { patientId, patientName }: PhantomStudy): Locator {
  return page
    .getByText(patientId)
    .or(page.getByText(patientName.replace('^', ', ')))
    .first();
}

/** What the list offers for the study that was chosen, in its order: links, or since OHIF 3.13 buttons. */
export function modesIn(page: Page): Locator {
  const names = ['MedSAM2', 'Basic Viewer', 'Segmentation'].map((name) =>
    page.getByRole('button', { name, exact: true }),
  );
  return names.reduce((all, one) => all.or(one), page.locator('a[href*="StudyInstanceUIDs"]'));
}

/** The plug-in's mode among them. */
export function ownMode(page: Page): Locator {
  return page
    .locator('a[href*="/medsam2?"]')
    .or(page.getByRole('button', { name: 'MedSAM2', exact: true }))
    .first();
}
