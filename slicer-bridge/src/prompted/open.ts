import type { ClientVolume } from '../display.js';
import type { ImageStack, OpenStack, VolumeSegmenter } from '../segmenter.js';
import type { StoredVolume } from './store.js';

/** The volume ready for a model; what was computed of its slices for the same model is used again. */
export async function openStored(
  stored: StoredVolume,
  segmenter: VolumeSegmenter,
  toStack: (volume: ClientVolume) => ImageStack,
): Promise<OpenStack> {
  if (stored.opened?.model === segmenter.model) return stored.opened.stack;
  stored.opened?.stack.close();
  stored.opened = undefined;
  const stack = await segmenter.open(toStack(stored.volume));
  stored.opened = { model: segmenter.model, stack };
  return stack;
}
