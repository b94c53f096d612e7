/** What these tests ask of the viewer inside its page; each function is sent there as its own text. */

interface HostWindow {
  readonly cornerstone: {
    readonly Enums: { readonly Events: { readonly IMAGE_RENDERED: string } };
    getRenderingEngines(): {
      getViewports(): { readonly id: string; readonly type: string; readonly element: HTMLElement }[];
    }[];
  };
  viewerRenders?: number;
}

/** The viewport of space; unlike `viewports` of the page, this reads no pixels, which takes seconds without a GPU. */
export function spaceViewport(): string | undefined {
  const host = window as unknown as HostWindow;
  return host.cornerstone
    .getRenderingEngines()
    .flatMap((engine) => engine.getViewports())
    .find(({ type, element }) => type === 'volume3d' && element.isConnected)?.id;
}

/** Counts how often viewports are drawn, from now on. */
export function countRenders(): void {
  const host = window as unknown as HostWindow;
  host.viewerRenders = 0;
  const count = (): void => {
    host.viewerRenders = (host.viewerRenders ?? 0) + 1;
  };
  document.addEventListener(host.cornerstone.Enums.Events.IMAGE_RENDERED, count, true);
}

/** How often they were since this was last asked. */
export function rendersSince(): number {
  const host = window as unknown as HostWindow;
  const count = host.viewerRenders ?? 0;
  host.viewerRenders = 0;
  return count;
}

interface StoredWindow {
  readonly cornerstone: { readonly cache: { getImage(id: string): StoredImage | undefined } };
  readonly cornerstoneTools: {
    readonly segmentation: {
      readonly state: {
        getSegmentations(): {
          segmentationId: string;
          label: string;
          representationData: { Labelmap?: { imageIds?: string[] } };
        }[];
      };
    };
  };
  readonly services: {
    readonly displaySetService: {
      getActiveDisplaySets(): { displaySetInstanceUID: string; Modality?: string; SOPInstanceUID?: string }[];
    };
  };
}
interface StoredImage {
  readonly voxelManager: { getScalarData(): ArrayLike<number> };
}

/** Pixels that the viewer holds of a stored segmentation, by segment; undefined: it has not opened it. */
export function storedPixels(sopInstanceUid: string): Record<string, number> | undefined {
  const host = window as unknown as StoredWindow;
  const displaySet = host.services.displaySetService
    .getActiveDisplaySets()
    .find(({ Modality, SOPInstanceUID }) => Modality === 'SEG' && SOPInstanceUID === sopInstanceUid);
  const segmentation = host.cornerstoneTools.segmentation.state
    .getSegmentations()
    .find(({ segmentationId }) => segmentationId === displaySet?.displaySetInstanceUID);
  if (segmentation === undefined) return undefined;
  const counts: Record<string, number> = {};
  for (const id of segmentation.representationData.Labelmap?.imageIds ?? []) {
    const labels = host.cornerstone.cache.getImage(id)?.voxelManager.getScalarData() ?? [];
    for (let at = 0; at < labels.length; at++) if (labels[at] !== 0) counts[labels[at]] = (counts[labels[at]] ?? 0) + 1;
  }
  return counts;
}

interface TurnedWindow {
  readonly cornerstone: {
    getRenderingEngines(): {
      getViewports(): {
        readonly id: string;
        getCamera(): { viewPlaneNormal: number[]; viewUp: number[]; position: number[]; focalPoint: number[] };
        setCamera(camera: object): void;
        render(): void;
      }[];
    }[];
  };
}

/** Turns a reformat about its own vertical. */
export function turn([viewportId, degrees]: readonly [string, number]): void {
  const viewport = (window as unknown as TurnedWindow).cornerstone
    .getRenderingEngines()
    .flatMap((engine) => engine.getViewports())
    .find(({ id }) => id === viewportId);
  if (viewport === undefined) throw new Error(`there is no viewport ${viewportId}`);
  const { viewPlaneNormal: n, viewUp: u, position, focalPoint } = viewport.getCamera();
  const side = [u[1] * n[2] - u[2] * n[1], u[2] * n[0] - u[0] * n[2], u[0] * n[1] - u[1] * n[0]];
  const [cosine, sine] = [Math.cos((degrees / 180) * Math.PI), Math.sin((degrees / 180) * Math.PI)];
  const normal = n.map((value, axis) => value * cosine + side[axis] * sine);
  const distance = Math.hypot(...position.map((value, axis) => value - focalPoint[axis]));
  viewport.setCamera({
    viewPlaneNormal: normal,
    viewUp: u,
    position: focalPoint.map((value, axis) => value + normal[axis] * distance),
    focalPoint,
  });
  viewport.render();
}
