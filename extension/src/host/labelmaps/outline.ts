import type { Unsubscribe } from '../../contract/viewer.js';
import type { CornerstoneTools } from '../types/tools.js';

/** Pixels of the screen, of active and inactive segmentations. */
const thin = { outlineWidth: 1, outlineWidthInactive: 1 };
const specifier = { type: 'Labelmap' } as const;

/**
 * Outlines of masks one pixel wide until the returned function is called. The host looks at (2 x width + 1) squared
 * neighbours of every pixel that it draws, 49 for its usual 3: without a graphics card that is most of the time between
 * a prompt and its mask on the screen. A width that the user chooses meanwhile in the host's settings is kept.
 */
export function drawThinOutlines({ segmentation }: CornerstoneTools): Unsubscribe {
  const { style } = segmentation.config;
  const { outlineWidth, outlineWidthInactive } = style.getStyle(specifier);
  if (outlineWidth === undefined || outlineWidth <= thin.outlineWidth) return () => undefined;
  style.setStyle(specifier, thin, true);
  return () => {
    if (style.getStyle(specifier).outlineWidth !== thin.outlineWidth) return;
    style.setStyle(specifier, { outlineWidth, outlineWidthInactive }, true);
  };
}
