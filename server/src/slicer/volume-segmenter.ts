import type { ImageStack, OpenStack } from '@medsam2/slicer-bridge';
import { defaultOptions, type EngineOptions, type Segmenter } from '../engine/index.js';

/** Holes of so many low-resolution pixels are filled by the plug-in's own server, which always has CUDA. */
const fillHoleArea = 8;

/**
 * The engine as the bridge asks for it.
 *
 * @param made what the model was made for
 */
export function volumeSegmenter(
  segmenter: Segmenter,
  made: Pick<EngineOptions, 'view' | 'following'>,
): { open(stack: ImageStack): OpenStack } {
  const single: EngineOptions = { ...defaultOptions, view: made.view, following: made.following };
  const tracked: EngineOptions = { ...single, fillHoleArea };
  return {
    open: (stack) => {
      const target = segmenter.open(stack);
      return {
        preview: (objects, signal) => target.preview({ objects, options: single, signal }),
        propagate: async function* ({ objects, range, reprompt, signal }) {
          const options: EngineOptions = { ...tracked, conditioning: reprompt ? 'direct' : 'mask' };
          for await (const event of target.segment({ objects, range, direction: 'both', options, signal })) {
            if (event.type === 'slice') yield event;
          }
        },
        close: () => target.close(),
      };
    },
  };
}
