import type { Volume } from '../volume.js';
import { VolumeFiller, type FillOptions } from './fill-volume.js';
import type { InstanceHeader } from './header.js';
import { parsePart10 } from './parse.js';
import type { VolumePlan } from './plan.js';

export type LoadOptions = FillOptions;

/** The bytes of the instance that a header was read from. */
export type ReadInstance = (header: InstanceHeader, signal?: AbortSignal) => Promise<Uint8Array>;

/**
 * Decodes the frames of a plan into one volume. Instances are read one after the other and dropped as soon as their
 * frames are decoded, so that memory holds the voxels plus one instance.
 *
 * @throws UserError what `VolumeFiller` throws
 * @throws the signal's reason when aborted
 */
export async function loadVolume(plan: VolumePlan, read: ReadInstance, options: LoadOptions = {}): Promise<Volume> {
  const filler = new VolumeFiller(plan, options);
  while (filler.needed.length > 0) {
    // a second round is for duplicates whose counterpart lay further back
    for (const header of filler.needed) {
      options.signal?.throwIfAborted();
      await filler.add(header, parsePart10(await read(header, options.signal)));
    }
  }
  return filler.finish();
}
