/**
 * What is asked of the viewer inside its page. Each function is sent to the page as its own text, so it uses nothing of
 * this module; `window.cornerstone`, `services` and `commandsManager` are there in OHIF 3.11 to 3.13.
 */

/** The part of the viewer's globals that is used here. */
interface HostWindow {
  readonly cornerstone: {
    readonly cache: { getImage(id: string): HostImage | undefined };
    readonly metaData: { get(type: string, imageId: string): Record<string, unknown> | undefined };
    readonly utilities: {
      jumpToSlice(element: HTMLElement, options: { imageIndex: number }): Promise<void>;
    };
    getRenderingEngines(): { getViewports(): HostViewport[] }[];
  };
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
    readonly viewportGridService: { getActiveViewportId(): string | null };
  };
  readonly commandsManager: { runCommand(name: string, options?: object): unknown };
}
interface HostImage {
  readonly rows: number;
  readonly columns: number;
  readonly referencedImageId?: string;
  readonly voxelManager: { getScalarData(): ArrayLike<number> };
}
interface HostViewport {
  readonly id: string;
  readonly type: string;
  readonly element: HTMLElement;
  getImageIds(): string[];
  getCurrentImageId?(): string | undefined;
  getImageData(): { imageData: { indexToWorld(index: number[]): number[] } } | undefined;
  worldToCanvas(world: number[]): [number, number];
  jumpToWorld?(world: number[]): boolean;
}

export interface ViewportState {
  readonly id: string;
  /** of Cornerstone: `stack`, `orthographic`, `volume3d` */
  readonly type: string;
  readonly images: number;
  /** image that a stack shows */
  readonly imageId?: string;
  /** share of pixels that are not black */
  readonly lit: number;
  /** pixels with a colour: masks, marks */
  readonly coloured: number;
}

/** One image of a mask: what is set, as starts and lengths of runs of pixels. */
export interface PageMask {
  readonly imageId: string;
  readonly rows: number;
  readonly columns: number;
  readonly runs: readonly number[];
}

/** All viewports with their pixels as the user sees them. */
export function viewportStates(): ViewportState[] {
  const host = window as unknown as HostWindow;
  if (host.cornerstone === undefined) return [];
  return host.cornerstone
    .getRenderingEngines()
    .flatMap((engine) => engine.getViewports())
    .filter((viewport) => viewport.element.isConnected)
    .map((viewport) => {
      const canvas = viewport.element.querySelector('canvas');
      let lit = 0;
      let coloured = 0;
      let total = 1;
      if (canvas !== null && canvas.width > 0 && canvas.height > 0) {
        const copy = document.createElement('canvas');
        [copy.width, copy.height] = [canvas.width, canvas.height];
        const context = copy.getContext('2d');
        context?.drawImage(canvas, 0, 0);
        const pixels = context?.getImageData(0, 0, copy.width, copy.height).data ?? new Uint8ClampedArray();
        total = pixels.length / 4;
        for (let at = 0; at < pixels.length; at += 4) {
          if (pixels[at] > 8) lit++;
          const most = Math.max(pixels[at], pixels[at + 1], pixels[at + 2]);
          if (most - Math.min(pixels[at], pixels[at + 1], pixels[at + 2]) > 25) coloured++;
        }
      }
      const imageId = viewport.type === 'stack' ? viewport.getCurrentImageId?.() : undefined;
      return {
        id: viewport.id,
        type: viewport.type,
        images: viewport.getImageIds().length,
        imageId,
        lit: lit / total,
        coloured,
      };
    });
}

/** The viewer's own name of an image, undefined while the viewport does not have it. `part` is in that name. */
export async function jumpToImage([viewportId, part]: readonly [string, string]): Promise<string | undefined> {
  const host = window as unknown as HostWindow;
  const viewport = host.cornerstone
    .getRenderingEngines()
    .flatMap((engine) => engine.getViewports())
    .find(({ id }) => id === viewportId);
  const imageIds = viewport?.getImageIds() ?? [];
  const index = imageIds.findIndex((imageId) => imageId.includes(part));
  if (viewport === undefined || index === -1) return undefined;
  if (viewport.type === 'stack') await host.cornerstone.utilities.jumpToSlice(viewport.element, { imageIndex: index });
  else {
    const plane = host.cornerstone.metaData.get('imagePlaneModule', imageIds[index]);
    const corner = plane?.imagePositionPatient as number[];
    const [row, column] = [plane?.rowCosines as number[], plane?.columnCosines as number[]];
    const across = ((plane?.columns as number) / 2) * (plane?.columnPixelSpacing as number);
    const down = ((plane?.rows as number) / 2) * (plane?.rowPixelSpacing as number);
    viewport.jumpToWorld?.(corner.map((value, axis) => value + row[axis] * across + column[axis] * down));
  }
  return imageIds[index];
}

/**
 * Where points of the shown image, or of the patient, lie in the page: CSS pixels.
 *
 * @param points image: [column, row], pixel centres at whole numbers; world: LPS mm
 */
export function pagePoints([viewportId, points]: readonly [string, readonly (readonly number[])[]]): [
  number,
  number,
][] {
  const host = window as unknown as HostWindow;
  const viewport = host.cornerstone
    .getRenderingEngines()
    .flatMap((engine) => engine.getViewports())
    .find(({ id }) => id === viewportId);
  if (viewport === undefined) throw new Error(`there is no viewport ${viewportId}`);
  const corner = (viewport.element.querySelector('canvas') ?? viewport.element).getBoundingClientRect();
  return points.map((point) => {
    const world =
      point.length === 3 ? [...point] : viewport.getImageData()?.imageData.indexToWorld([point[0], point[1], 0]);
    if (world === undefined) throw new Error(`the viewport ${viewportId} shows no image`);
    const [x, y] = viewport.worldToCanvas(world);
    return [corner.left + x, corner.top + y];
  });
}

/** The masks of the plug-in that the viewer holds of a segment, images without a pixel left out. */
export function pluginMasks(segment: number): PageMask[] {
  const host = window as unknown as HostWindow;
  const masks: PageMask[] = [];
  for (const { label, representationData } of host.cornerstoneTools.segmentation.state.getSegmentations()) {
    if (!label.startsWith('MedSAM2')) continue;
    for (const id of representationData.Labelmap?.imageIds ?? []) {
      const image = host.cornerstone.cache.getImage(id);
      if (image === undefined) continue;
      const labels = image.voxelManager.getScalarData();
      const runs: number[] = [];
      for (let at = 0, begin = -1; at <= labels.length; at++) {
        const inside = at < labels.length && labels[at] === segment;
        if (inside && begin < 0) begin = at;
        if (inside || begin < 0) continue;
        runs.push(begin, at - begin);
        begin = -1;
      }
      if (runs.length > 0)
        masks.push({ imageId: image.referencedImageId ?? id, rows: image.rows, columns: image.columns, runs });
    }
  }
  return masks;
}

export function activeViewport(): string | undefined {
  return (window as unknown as HostWindow).services?.viewportGridService.getActiveViewportId() ?? undefined;
}

export async function runCommand([name, options]: readonly [string, object]): Promise<void> {
  await (window as unknown as HostWindow).commandsManager.runCommand(name, options);
}
