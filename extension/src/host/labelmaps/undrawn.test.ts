import type { ActorEntry, HostViewport, ViewportType } from '../types/cornerstone.js';
import type { CornerstoneTools } from '../types/tools.js';
import { undrawnIn } from './undrawn.js';

const layer = '6e6d7d1c';

/** The part of Cornerstone that is asked: viewports whose state lists the layer. */
function toolsWith(...shownIn: string[]): CornerstoneTools {
  const getSegmentationRepresentations = (viewportId: string) =>
    shownIn.includes(viewportId) ? [{ segmentationId: layer }] : [];
  return { segmentation: { state: { getSegmentationRepresentations } } } as unknown as CornerstoneTools;
}

function viewport(id: string, type: ViewportType, ...representations: (string | undefined)[]): HostViewport {
  const actors: ActorEntry[] = representations.map((representationUID, at) => ({
    uid: `${id}-${at}`,
    actor: {},
    ...(representationUID !== undefined && { representationUID }),
  }));
  return { id, type, getActors: () => actors } as unknown as HostViewport;
}

test('a reformat that lists the layer and draws only the image, or another layer, is found', () => {
  const viewports = [
    viewport('drawn', 'orthographic', undefined, `${layer}-Labelmap`),
    viewport('image', 'orthographic', undefined),
    viewport('other', 'orthographic', undefined, 'c0ffee-Labelmap'),
    viewport('unlisted', 'orthographic', undefined),
    viewport('stack', 'stack', undefined),
  ];
  expect(undrawnIn(toolsWith('drawn', 'image', 'other', 'stack'), viewports, layer)).toEqual(['image', 'other']);
});
