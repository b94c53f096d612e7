import { countPixels, encodeRuns } from '@medsam2/protocol/stream';
import { setImmediate } from 'node:timers/promises';
import type { MatchedSeg } from '../segmentation/match.js';
import { newSegment } from './segments.js';
import type { Change } from './state.js';

/** The segments of a segmentation as a session's own; tracking identifiers stay, so that they can be followed over time. */
export async function importedChanges({ segments }: MatchedSeg): Promise<Change[]> {
  const changes: Change[] = [];
  for (const [index, segment] of segments.entries()) {
    const { label, terms, colour, trackingUid } = segment;
    const id = index + 1;
    const made = newSegment(id, {
      label: label.trim().slice(0, 64) || undefined,
      terms,
      colour: colour === undefined ? undefined : [...colour],
    });
    changes.push({ kind: 'segment', id, value: trackingUid === undefined ? made : { ...made, trackingUid } });
    for (const slice of segment.slices) {
      const runs = encodeRuns(segment.mask(slice));
      const value = { runs, pixels: countPixels(runs), iou: 1, presence: 10, origin: 'imported' as const };
      changes.push({ kind: 'mask', segment: id, slice, value });
      // Whole volumes are read; others are served between slices.
      await setImmediate();
    }
  }
  return changes;
}
