import type { Series } from './series.js';
import type { CornerstoneCore, HostViewport } from './types/cornerstone.js';

/**
 * The window of a viewport in the units of the series after its rescale; undefined for colour, and before there is one.
 * OHIF shows PET in SUV, which is a further factor.
 */
export function windowOf(
  viewport: HostViewport,
  series: Series,
  core: CornerstoneCore,
): { readonly centre: number; readonly width: number } | undefined {
  const range = viewport.getProperties().voiRange;
  const [imageId] = series.imageIds;
  if (range === undefined || isColour(core.metaData.get('imagePixelModule', imageId))) return undefined;
  const factor = core.cache.getImage(imageId)?.preScale?.scalingParameters?.suvbw;
  const unit = typeof factor === 'number' && factor > 0 ? factor : 1;
  const { windowCenter, windowWidth } = core.utilities.windowLevel.toWindowLevel(range.lower, range.upper);
  return { centre: windowCenter / unit, width: windowWidth / unit };
}

function isColour(module: unknown): boolean {
  const { samplesPerPixel, photometricInterpretation } = (module ?? {}) as Readonly<Record<string, unknown>>;
  return (
    (typeof samplesPerPixel === 'number' && samplesPerPixel > 1) ||
    (typeof photometricInterpretation === 'string' && photometricInterpretation.startsWith('PALETTE'))
  );
}
