import type { Case } from '../client/cases.js';
import { BridgeError } from '../errors.js';
import { clippedBox } from '../input/geometry.js';
import { LabelVolume } from './label-volume.js';
import type { Operation } from './operation.js';

/**
 * "Segment Middle Slice": every box on the annotated slice, object n for row n, later ones over earlier ones (specification
 * section 6.3).
 *
 * @throws BridgeError `slice-outside`, `boxes-outside`, `nothing-found`
 */
export async function segmentMiddleSlice({ held, prompts }: Case, operation: Operation): Promise<LabelVolume> {
  const { size } = held;
  const { slice } = prompts;
  if (slice < 0 || slice >= size.slices) {
    throw new BridgeError(
      422,
      'slice-outside',
      `The annotated slice ${slice} is not in the volume, which has slices 0 to ${size.slices - 1}.`,
      'Set the start and the end slice in the plug-in, both inside the volume.',
    );
  }
  const objects = prompts.boxes.flatMap((row, index) => {
    const box = clippedBox(row, size);
    if (box === undefined) operation.notes.push(`Box ${index + 1} lies outside the image and was left out.`);
    return box === undefined ? [] : [{ label: index + 1, prompts: [{ kind: 'box' as const, slice, box }] }];
  });
  if (objects.length === 0) {
    throw new BridgeError(
      422,
      'boxes-outside',
      prompts.boxes.length === 0 ? 'The upload has no box.' : 'All boxes lie outside the image.',
      'Draw a box around the object in the axial view.',
    );
  }
  const result = new LabelVolume(size);
  const masks = await operation.stack.preview(objects, operation.signal);
  for (const mask of [...masks].sort((a, b) => a.label - b.label)) result.paint(mask);
  const found = result.compact();
  const missing = objects.filter(({ label }) => !found.includes(label)).map(({ label }) => label);
  if (missing.length > 0) operation.notes.push(`Nothing was found in box ${missing.join(', ')}; the others moved up.`);
  return result;
}
