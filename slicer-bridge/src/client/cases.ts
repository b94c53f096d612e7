import type { ClientVolume } from '../display.js';
import { BridgeError } from '../errors.js';
import { sameSize, type GridSize } from '../input/geometry.js';
import type { ImageUpload, MaskUpload, PointsUpload, VolumeMark } from '../input/uploads.js';
import type { OpenStack } from '../segmenter.js';

/** A volume that a client sent; cases on the same voxels share it. */
export interface HeldVolume {
  readonly mark: VolumeMark;
  readonly size: GridSize;
  /** undefined: forgotten to make room; what was asked about it is still recognised */
  volume?: ClientVolume;
  /** ready for one model at a time */
  opened?: { readonly model: string; readonly stack: OpenStack };
}

/** One middle-slice click, and what followed from it. */
export interface Case {
  readonly held: HeldVolume;
  readonly prompts: Pick<ImageUpload, 'boxes' | 'start' | 'end' | 'slice'>;
  /** the middle mask as it was handed out: labels [row][column] of the annotated slice; undefined: none was */
  middle?: Uint8Array;
  /** the last full segmentation or improvement, for points that follow */
  full?: FullResult;
}

/** What points correct: the object that the client added last. */
export interface FullResult {
  /** its label */
  readonly label: number;
  /** slices whose masks the user drew or corrected */
  readonly keySlices: readonly number[];
  /** deflated labels of the volume, where improvements build on them */
  readonly packed?: Buffer;
}

/** Cases that are remembered per client; those on forgotten volumes count, so that nothing is taken for theirs. */
export const maxCases = 16;

const refuse = (code: string, message: string, remedy: string): BridgeError =>
  new BridgeError(409, code, message, remedy);

const beginAgain = 'Click "Segment Middle Slice" again on this volume.';
const tellApart =
  'Give each Slicer its own path in the Port field, for example 8080/u/alice, or user:password@ in the IP field.';

/**
 * The case that a middle mask belongs to.
 *
 * The mask arrives without a word about its image. While everything under this identity is one volume, it is that one's. With
 * several, two people may hide behind one identity: then the mask itself must say it, by equalling what was handed out for one
 * of the volumes, or, edited, by overlapping with one of them alone. Otherwise nobody gets anything.
 *
 * @param cases oldest first
 * @param isPersonal the identity is one person's by their own word (a path of their own): then the newest volume is meant
 * @throws BridgeError `no-middle-slice`, `mask-size`, `client-ambiguous`, `volume-forgotten`
 */
export function caseOfMask(cases: readonly Case[], { size, labels }: MaskUpload, isPersonal: boolean): Case {
  const answered = cases.filter(({ middle }) => middle !== undefined);
  if (answered.length === 0)
    throw refuse('no-middle-slice', 'No middle slice was segmented before.', 'Click "Segment Middle Slice" first.');
  const fitting = answered.filter(({ held }) => sameSize(held.size, size));
  if (fitting.length === 0) {
    throw refuse(
      'mask-size',
      `The middle mask has ${size.slices} x ${size.rows} x ${size.columns} voxels; no volume of this client has.`,
      beginAgain,
    );
  }
  // The plug-in deletes the middle mask after a full segmentation, so it cannot come a second time.
  const open = fitting.filter(({ full }) => full === undefined);
  const candidates = (open.length > 0 ? open : fitting).map((candidate) => ({
    candidate,
    ...likeness(candidate, labels),
  }));
  const exact = candidates.filter(({ isExact }) => isExact);
  const overlapping = candidates.filter(({ overlap }) => overlap > 0);
  const chosen = [candidates, exact, overlapping].find((group) => group.length > 0 && isOneVolume(group));
  const isClear = chosen !== undefined && (exact.length === 0 || isOneVolume(exact));
  if (!isClear && !isPersonal) throw ambiguous();
  if (!isClear || chosen === undefined) return present(candidates[candidates.length - 1].candidate);
  let best = chosen[0];
  for (const entry of chosen) {
    if (Number(entry.isExact) * 2 + entry.overlap >= Number(best.isExact) * 2 + best.overlap) best = entry;
  }
  return present(best.candidate);
}

/**
 * The case that points belong to: that of the last full segmentation, and with several volumes that of the same boxes and range.
 *
 * @throws BridgeError `no-full-segmentation`, `mask-size`, `client-ambiguous`, `volume-forgotten`
 */
export function caseOfPoints(cases: readonly Case[], points: PointsUpload, isPersonal: boolean): Case {
  const finished = cases.filter(({ full }) => full !== undefined);
  if (finished.length === 0) {
    throw refuse('no-full-segmentation', 'No full segmentation was made before.', 'Click "Segment" first.');
  }
  const fitting = finished.filter(({ held }) => sameSize(held.size, points.size));
  if (fitting.length === 0)
    throw refuse('mask-size', 'The points belong to a volume of another size than those of this client.', beginAgain);
  const same = fitting.filter(({ prompts }) => samePrompts(prompts, points));
  // of one volume the newest of the same boxes, or the newest; of several only one volume's may be the same
  const chosen = [same, fitting].find(
    (group) => group.length > 0 && isOneVolume(group.map((one) => ({ candidate: one }))),
  );
  if (same.length > 0 && chosen !== same && !isPersonal) throw ambiguous();
  if (chosen === undefined && !isPersonal) throw ambiguous();
  return present((chosen ?? fitting)[(chosen ?? fitting).length - 1]);
}

const ambiguous = (): BridgeError =>
  refuse(
    'client-ambiguous',
    'Several volumes were sent from here, and it cannot be told to which of them this belongs.',
    tellApart,
  );

function present(chosen: Case): Case {
  if (chosen.held.volume !== undefined) return chosen;
  throw refuse('volume-forgotten', 'The volume was forgotten to make room for others.', beginAgain);
}

const isOneVolume = (group: readonly { readonly candidate: Case }[]): boolean =>
  group.every(({ candidate }) => candidate.held === group[0].candidate.held);

function samePrompts(prompts: Case['prompts'], { boxes, start, end }: PointsUpload): boolean {
  // newer plug-ins cut the range to the volume before they remember it
  return JSON.stringify(prompts.boxes) === JSON.stringify(boxes) && prompts.start === start && prompts.end === end;
}

/** How much a mask is like the one handed out: the very same, or the Dice of both on the annotated slice. */
function likeness({ middle, prompts, held }: Case, labels: Uint8Array): { isExact: boolean; overlap: number } {
  const area = held.size.rows * held.size.columns;
  const slice = labels.subarray(prompts.slice * area, (prompts.slice + 1) * area);
  if (middle === undefined || slice.length !== area) return { isExact: false, overlap: 0 };
  let [given, handed, both, equal] = [0, 0, 0, true];
  for (let i = 0; i < area; i++) {
    if (slice[i] !== middle[i]) equal = false;
    if (slice[i] > 0) given++;
    if (middle[i] > 0) handed++;
    if (slice[i] > 0 && middle[i] > 0) both++;
  }
  return { isExact: equal && handed > 0, overlap: given + handed === 0 ? 0 : (2 * both) / (given + handed) };
}
