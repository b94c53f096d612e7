import type { SegmentState } from '@medsam2/protocol';
import type { SegmentMark } from '../contract/index.js';

/** Segments as the viewer is to show them. */
export const segmentMarks = (
  segments: readonly SegmentState[] | undefined,
  hidden: ReadonlySet<number>,
  active: number | undefined,
): readonly SegmentMark[] =>
  (segments ?? []).map(({ id, label, colour, locked }) => ({
    id,
    label,
    colour,
    locked,
    visible: !hidden.has(id),
    active: id === active,
  }));
