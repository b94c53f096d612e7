import { UserError } from '@medsam2/models';
import type { JobBody } from '@medsam2/protocol';
import type { Vector3 } from '../imaging/geometry.js';
import { placeDrawing } from '../sessions/drawings.js';
import { SessionGrid } from '../sessions/grid.js';
import { newSegment } from '../sessions/segments.js';
import type { PlannedVolume } from '../sessions/series-source.js';
import type { Segment, SessionContent, StoredPrompt } from '../sessions/state.js';

/** Where the slices of a planned volume are. */
export function gridOf(planned: PlannedVolume): SessionGrid {
  const { geometry, sliceSources } = planned.source();
  const images = sliceSources.map(({ sopInstanceUid, frameNumber }) => ({
    sopInstanceUid,
    ...(frameNumber === undefined ? {} : { frame: frameNumber }),
  }));
  const positions = sliceSources.map(({ imagePosition }): Vector3 | undefined => {
    const [x, y, z] = (imagePosition ?? []).map(Number);
    return [x, y, z].every(Number.isFinite) ? [x, y, z] : undefined;
  });
  return new SessionGrid(geometry, images, positions);
}

/**
 * The segments and prompts of a job as a session would hold them, so that the same rules make prompts of the model of
 * them.
 *
 * @throws UserError `segment-locked`, `image-not-found`, `plane-oblique`, `prompts-conflict` (a segment drawn in two planes)
 */
export function contentOfJob(body: JobBody, grid: SessionGrid): SessionContent {
  const segments = new Map<number, Segment>();
  const prompts = new Map<string, StoredPrompt>();
  body.segments.forEach(({ prompts: drawings, ...segmentBody }, index) => {
    const id = index + 1;
    segments.set(id, { ...newSegment(id, segmentBody), locked: false });
    const planes = new Set<string>();
    drawings.forEach((drawing, at) => {
      const { slice, plane } = placeDrawing(drawing, grid);
      planes.add(plane ?? 'slice');
      const key = `${id}/${at}`;
      prompts.set(key, { id: key, segment: id, drawing, slice, ...(plane === undefined ? {} : { plane }) });
    });
    if (planes.size > 1) {
      throw new UserError(
        'prompts-conflict',
        `The prompts of segment ${id} lie in different planes, which a job cannot take together.`,
        'Draw all prompts of a segment on acquired slices, or all of them on sagittal or on coronal planes.',
      );
    }
  });
  return { segments, prompts, masks: new Map() };
}
