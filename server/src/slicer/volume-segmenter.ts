import type { OpenStack, VolumeSegmenter } from '@medsam2/slicer-bridge';
import { defaultOptions, type EngineOptions, type Segmenter } from '../engine/index.js';
import type { ViewMode } from '../engine/view.js';

export interface NamedModel {
  readonly name: string;
  /** what of a slice the model was made to see */
  readonly view: ViewMode;
}

/** Holes of so many low-resolution pixels are filled by the plug-in's own server, which always has CUDA. */
const fillHoleArea = 8;

/** The engine as the bridge asks for it. */
export function volumeSegmenter(segmenter: Segmenter, { name, view }: NamedModel): VolumeSegmenter {
  const single: EngineOptions = { ...defaultOptions, view };
  const tracked: EngineOptions = { ...single, fillHoleArea };
  return {
    model: name,
    open: (stack): OpenStack => {
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
