import type { SegmentTerms } from '@medsam2/protocol';
import { CATEGORIES, entriesOf, type TermEntry, type TermGroup } from './rows.js';
import { ABDOMEN } from './rows/abdomen.js';
import { HEAD } from './rows/head.js';
import { LESIONS, SCARS } from './rows/lesions.js';
import { OBJECTS, SUBSTANCES, TISSUES } from './rows/matter.js';
import { SKELETON } from './rows/skeleton.js';
import { THORAX } from './rows/thorax.js';
import { VESSELS } from './rows/vessels.js';

/** Frequent things first: of equally good hits of a search, the earlier one is offered first. */
const GROUPS: readonly TermGroup[] = [
  TISSUES,
  LESIONS,
  SCARS,
  ABDOMEN,
  THORAX,
  HEAD,
  VESSELS,
  SKELETON,
  SUBSTANCES,
  OBJECTS,
];

let built: readonly TermEntry[] | undefined;

/** All terms that are offered, in the order of the list; built on first use. */
export function termCatalogue(): readonly TermEntry[] {
  return (built ??= GROUPS.flatMap(entriesOf));
}

/**
 * What a segment is said to be while nobody has said what it is: tissue. It claims neither an organ nor that something
 * is abnormal, and it is what 3D Slicer takes too.
 */
export function defaultTerms(): SegmentTerms {
  return { category: CATEGORIES.tissue, type: { ...CATEGORIES.tissue } };
}
