import { countPixels, encodeRuns } from '@medsam2/protocol/stream';
import { setImmediate } from 'node:timers/promises';
import type { MatchedSeg } from '../segmentation/match.js';
import { newSegment } from './segments.js';
import { importedModel, type Change, type Segment, type SliceMask } from './state.js';

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
    // Whatever does not say that a person drew it may be a program's.
    const byPerson = segment.algorithmType === 'MANUAL';
    const algorithm = segment.algorithm ?? { name: 'not stated' };
    const value: Segment = {
      ...made,
      ...(trackingUid === undefined ? {} : { trackingUid }),
      ...(byPerson ? {} : { algorithm }),
    };
    changes.push({ kind: 'segment', id, value });
    for (const slice of segment.slices) {
      const runs = encodeRuns(segment.mask(slice));
      const mask: SliceMask = {
        runs,
        pixels: countPixels(runs),
        iou: 1,
        presence: 10,
        origin: 'imported',
        ...(byPerson ? {} : { model: importedModel }),
      };
      changes.push({ kind: 'mask', segment: id, slice, value: mask });
      // Whole volumes are read; others are served between slices.
      await setImmediate();
    }
  }
  return changes;
}
