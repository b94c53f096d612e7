/**
 * What these tests ask of the viewer inside its page, beyond what `ViewerPage` asks. Each function is sent to the page as
 * its own text, so it uses nothing of this module.
 */

/** The part of the viewer's globals that is used here. */
interface HostWindow {
  readonly cornerstone: {
    readonly eventTarget: EventTarget;
    readonly Enums: { readonly Events: { readonly IMAGE_RENDERED: string } };
    readonly cache: { getImage(id: string): HostImage | undefined };
    getRenderingEngines(): { getViewports(): HostViewport[] }[];
  };
  readonly cornerstoneTools: {
    readonly Enums: { readonly Events: { readonly SEGMENTATION_DATA_MODIFIED: string } };
    readonly segmentation: {
      readonly state: {
        getSegmentations(): { label: string; representationData: { Labelmap?: { imageIds?: string[] } } }[];
      };
    };
  };
  flowStream?: { readonly seen: StreamSample[]; stop(): void };
}
interface HostImage {
  readonly voxelManager: { getScalarData(): ArrayLike<number> };
}
interface HostViewport {
  readonly id: string;
  readonly element: HTMLElement;
  getImageData(): { imageData: { indexToWorld(index: number[]): number[] } } | undefined;
  getCamera(): { focalPoint: [number, number, number] };
  worldToCanvas(world: number[]): [number, number];
  jumpToWorld?(world: number[]): boolean;
}

export type Rgb = [red: number, green: number, blue: number];

/**
 * What the user sees at places of a viewport, all its canvases over one another, prompts (SVG) left out.
 *
 * @param points [column, row] of the shown image, or LPS mm
 */
export function coloursAt([viewportId, points]: readonly [string, readonly (readonly number[])[]]): Rgb[] {
  const host = window as unknown as HostWindow;
  const viewport = host.cornerstone
    .getRenderingEngines()
    .flatMap((engine) => engine.getViewports())
    .find(({ id, element }) => id === viewportId && element.isConnected);
  if (viewport === undefined) throw new Error(`there is no viewport ${viewportId}`);
  const canvases = Array.from(viewport.element.querySelectorAll('canvas')).filter(
    ({ width, height }) => width * height > 0,
  );
  const pixel = document.createElement('canvas');
  pixel.width = 1;
  pixel.height = 1;
  const context = pixel.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('there is no 2D context');
  return points.map((point) => {
    const world =
      point.length === 3 ? [...point] : viewport.getImageData()?.imageData.indexToWorld([point[0], point[1], 0]);
    if (world === undefined) throw new Error(`the viewport ${viewportId} shows no image`);
    const [x, y] = viewport.worldToCanvas(world);
    context.clearRect(0, 0, 1, 1);
    for (const canvas of canvases) {
      const [across, down] = [canvas.width / canvas.clientWidth, canvas.height / canvas.clientHeight];
      context.drawImage(canvas, Math.floor(x * across), Math.floor(y * down), 1, 1, 0, 0, 1, 1);
    }
    const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
    return [red, green, blue];
  });
}

/** How many pixels of a viewport have that hue (degrees), give or take 30, and are not grey: what lies over it shines through. */
export function pixelsOfHue([viewportId, hue]: readonly [string, number]): number {
  const host = window as unknown as HostWindow;
  const viewport = host.cornerstone
    .getRenderingEngines()
    .flatMap((engine) => engine.getViewports())
    .find(({ id, element }) => id === viewportId && element.isConnected);
  const canvas = viewport?.element.querySelector('canvas');
  if (canvas === null || canvas === undefined || canvas.width * canvas.height === 0) return 0;
  const copy = document.createElement('canvas');
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const context = copy.getContext('2d', { willReadFrequently: true });
  context?.drawImage(canvas, 0, 0);
  const pixels = context?.getImageData(0, 0, copy.width, copy.height).data ?? new Uint8ClampedArray();
  let count = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const [red, green, blue] = [pixels[at], pixels[at + 1], pixels[at + 2]];
    const most = Math.max(red, green, blue);
    const range = most - Math.min(red, green, blue);
    if (range < 40) continue;
    const sixth =
      most === red ? (green - blue) / range : most === green ? 2 + (blue - red) / range : 4 + (red - green) / range;
    const away = Math.abs(((sixth * 60 - hue + 540) % 360) - 180);
    if (away <= 30) count++;
  }
  return count;
}

export function focalPoint(viewportId: string): [number, number, number] {
  const host = window as unknown as HostWindow;
  const viewport = host.cornerstone
    .getRenderingEngines()
    .flatMap((engine) => engine.getViewports())
    .find(({ id, element }) => id === viewportId && element.isConnected);
  if (viewport === undefined) throw new Error(`there is no viewport ${viewportId}`);
  return viewport.getCamera().focalPoint;
}

/** Every reformat shows the plane through the place. @param world LPS mm */
export function showWorld(world: readonly number[]): void {
  const host = window as unknown as HostWindow;
  for (const viewport of host.cornerstone.getRenderingEngines().flatMap((engine) => engine.getViewports()))
    if (viewport.element.isConnected) viewport.jumpToWorld?.([...world]);
}

/** One moment of a propagation. */
export interface StreamSample {
  /** milliseconds of the page's clock */
  readonly at: number;
  /** slices on which the viewer holds a mask of the segment */
  readonly slices: number;
  /** red, green, blue at the place that is watched */
  readonly colour: number[];
}

/**
 * From now on notes what the viewer holds and shows whenever its masks change, until `streamSeen`.
 *
 * @param watched segment, viewport, and a place in it, [column, row] or LPS mm
 */
export function watchStream([segment, viewportId, place]: readonly [number, string, readonly number[]]): void {
  const host = window as unknown as HostWindow;
  const seen: StreamSample[] = [];
  const slicesNow = (): number => {
    let slices = 0;
    for (const { label, representationData } of host.cornerstoneTools.segmentation.state.getSegmentations()) {
      if (!label.startsWith('MedSAM2')) continue;
      for (const id of representationData.Labelmap?.imageIds ?? []) {
        const labels = host.cornerstone.cache.getImage(id)?.voxelManager.getScalarData();
        if (labels !== undefined && Array.prototype.includes.call(labels, segment)) slices++;
      }
    }
    return slices;
  };
  const viewportShown = (): HostViewport | undefined =>
    host.cornerstone
      .getRenderingEngines()
      .flatMap((engine) => engine.getViewports())
      .find(({ id, element }) => id === viewportId && element.isConnected);
  const colourNow = (): number[] => {
    const viewport = viewportShown();
    const canvas = viewport?.element.querySelector('canvas');
    if (viewport === undefined || canvas === null || canvas === undefined) return [];
    const world =
      place.length === 3
        ? [...place]
        : (viewport.getImageData()?.imageData.indexToWorld([place[0], place[1], 0]) ?? []);
    const [x, y] = viewport.worldToCanvas(world);
    const density = canvas.width / canvas.clientWidth;
    const pixel = document.createElement('canvas');
    pixel.width = 1;
    pixel.height = 1;
    const context = pixel.getContext('2d');
    context?.drawImage(canvas, Math.floor(x * density), Math.floor(y * density), 1, 1, 0, 0, 1, 1);
    const [red, green, blue] = context?.getImageData(0, 0, 1, 1).data ?? [];
    return [red, green, blue];
  };
  const sample = (): void => {
    seen.push({ at: Math.round(performance.now()), slices: slicesNow(), colour: colourNow() });
  };
  const event = host.cornerstoneTools.Enums.Events.SEGMENTATION_DATA_MODIFIED;
  const { eventTarget } = host.cornerstone;
  const element = viewportShown()?.element;
  eventTarget.addEventListener(event, sample);
  // and when the viewer has drawn
  element?.addEventListener(host.cornerstone.Enums.Events.IMAGE_RENDERED, sample);
  host.flowStream = {
    seen,
    stop: () => {
      eventTarget.removeEventListener(event, sample);
      element?.removeEventListener(host.cornerstone.Enums.Events.IMAGE_RENDERED, sample);
    },
  };
}

/** What `watchStream` saw; it ends. */
export function streamSeen(): StreamSample[] {
  const host = window as unknown as HostWindow;
  host.flowStream?.stop();
  return host.flowStream?.seen ?? [];
}
