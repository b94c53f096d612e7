/**
 * What watches the page from within. Each function is sent to the page as its own text, so it uses nothing of this module.
 * All times are milliseconds of the page's clock (`performance.now()`).
 */

export interface LongTask {
  readonly at: number;
  readonly ms: number;
}

/** A box from the release of the mouse to the frame after the one that shows its mask. */
export interface BoxTimes {
  readonly release: number;
  /** the page's first listener was told of the release */
  readonly heard: number;
  readonly request: number;
  readonly answer: number;
  /** the viewer was told that its labelmap changed */
  readonly written: number;
  /** the viewer had drawn the image with it */
  readonly drawn: number;
  readonly visible: number;
  /** images that the viewer drew from the release to that one */
  readonly renders: number;
}

interface Watch {
  readonly tasks: LongTask[];
  /** between two timers of 10 ms, where it was more than 60 ms */
  readonly gaps: LongTask[];
  /** wheel to the frame after the one with the image */
  readonly scrolls: number[];
  renders: number;
  firstImage?: number;
  box?: {
    place: readonly number[];
    viewportId: string;
    renders: number;
    release?: number;
    heard?: number;
    written?: number;
    drawn?: number;
    visible?: number;
  };
  /** images of the labelmap that changed, each with the time when it first did */
  readonly written: Map<number, number>;
}

interface WatchedWindow {
  readonly cornerstone: {
    readonly eventTarget: EventTarget;
    getRenderingEngines(): {
      getViewports(): {
        readonly id: string;
        readonly element: HTMLElement;
        getImageData(): { imageData: { indexToWorld(index: number[]): number[] } } | undefined;
        worldToCanvas(world: number[]): [number, number];
      }[];
    }[];
  };
  benchWatch?: Watch;
  benchLeak?: unknown[];
}

/** To be run before anything else in the page. */
export function installWatch(): void {
  const host = window as unknown as WatchedWindow;
  const watch: Watch = { tasks: [], gaps: [], scrolls: [], renders: 0, written: new Map() };
  host.benchWatch = watch;
  performance.setResourceTimingBufferSize(20_000);
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) watch.tasks.push({ at: startTime, ms: duration });
  }).observe({ type: 'longtask', buffered: true });
  let before = performance.now();
  setInterval(() => {
    const now = performance.now();
    if (now - before > 60) watch.gaps.push({ at: before, ms: now - before });
    before = now;
  }, 10);

  let wheel: number | undefined;
  let isOtherImage = false;
  window.addEventListener('wheel', ({ timeStamp }) => (wheel ??= timeStamp), { capture: true, passive: true });
  document.addEventListener('CORNERSTONE_STACK_NEW_IMAGE', () => (isOtherImage = true), true);
  document.addEventListener(
    'CORNERSTONE_IMAGE_RENDERED',
    () => {
      watch.firstImage ??= performance.now();
      watch.renders++;
      if (wheel !== undefined && isOtherImage) {
        const begun = wheel;
        wheel = undefined;
        requestAnimationFrame(() => watch.scrolls.push(performance.now() - begun));
      }
      isOtherImage = false;
      seeBox();
    },
    true,
  );
  window.addEventListener(
    'pointerup',
    ({ timeStamp }) => {
      if (watch.box === undefined || watch.box.release !== undefined) return;
      watch.box.release = timeStamp;
      watch.box.heard = performance.now();
    },
    true,
  );

  const pixel = document.createElement('canvas');
  pixel.width = 1;
  pixel.height = 1;
  const context = pixel.getContext('2d', { willReadFrequently: true });
  const seeBox = (): void => {
    const { box } = watch;
    if (box?.release !== undefined && box.drawn === undefined) box.renders++;
    if (box?.written === undefined || box.drawn !== undefined) return;
    const viewport = host.cornerstone
      .getRenderingEngines()
      .flatMap((engine) => engine.getViewports())
      .find(({ id }) => id === box.viewportId);
    const canvas = viewport?.element.querySelector('canvas');
    const world = viewport?.getImageData()?.imageData.indexToWorld([...box.place, 0]);
    if (viewport === undefined || canvas === null || canvas === undefined || world === undefined) return;
    const [x, y] = viewport.worldToCanvas(world);
    const density = canvas.width / canvas.clientWidth;
    context?.drawImage(canvas, Math.floor(x * density), Math.floor(y * density), 1, 1, 0, 0, 1, 1);
    const [red, green, blue] = context?.getImageData(0, 0, 1, 1).data ?? [0, 0, 0];
    if (Math.max(red, green, blue) - Math.min(red, green, blue) <= 25) return;
    box.drawn = performance.now();
    // What is drawn within a frame is seen when the next one begins.
    requestAnimationFrame(() => (box.visible = performance.now()));
  };
}

/** To be run when the viewer is there: its masks are watched from now on. */
export function watchMasks(): void {
  const host = window as unknown as WatchedWindow;
  host.cornerstone.eventTarget.addEventListener('CORNERSTONE_TOOLS_SEGMENTATION_DATA_MODIFIED', (event) => {
    const watch = host.benchWatch;
    if (watch === undefined) return;
    const now = performance.now();
    const { modifiedSlicesToUse } = (event as CustomEvent<{ modifiedSlicesToUse?: readonly number[] }>).detail;
    for (const index of modifiedSlicesToUse ?? []) if (!watch.written.has(index)) watch.written.set(index, now);
    if (watch.box?.release !== undefined) watch.box.written ??= now;
  });
}

/** From now on a box is awaited. @param box viewport and the place [column, row] whose colour tells that the mask is there */
export function awaitBox([viewportId, place]: readonly [string, readonly number[]]): void {
  const { benchWatch } = window as unknown as WatchedWindow;
  performance.clearResourceTimings();
  if (benchWatch !== undefined) benchWatch.box = { viewportId, place, renders: 0 };
}

/** What `awaitBox` awaited; undefined: not yet */
export function boxTimes(): BoxTimes | undefined {
  const box = (window as unknown as WatchedWindow).benchWatch?.box;
  const asked = performance
    .getEntriesByType('resource')
    .filter(({ name }) => /\/sessions\/[^/]+\/prompts\//.test(name))
    .at(-1) as PerformanceResourceTiming | undefined;
  if (box?.visible === undefined || asked === undefined) return undefined;
  const { release = 0, heard = 0, written = 0, drawn = 0, visible, renders } = box;
  return { release, heard, request: asked.startTime, answer: asked.responseEnd, written, drawn, visible, renders };
}

/** What was seen since it was asked last. */
export function takeSeen(): {
  now: number;
  tasks: LongTask[];
  gaps: LongTask[];
  scrolls: number[];
  renders: number;
  firstImage: number | undefined;
  written: number[];
} {
  const watch = (window as unknown as WatchedWindow).benchWatch;
  if (watch === undefined) throw new Error('the page is not watched');
  const seen = {
    now: performance.now(),
    tasks: watch.tasks.splice(0),
    gaps: watch.gaps.splice(0),
    scrolls: watch.scrolls.splice(0),
    renders: watch.renders,
    firstImage: watch.firstImage,
    written: [...watch.written.values()],
  };
  watch.renders = 0;
  watch.written.clear();
  return seen;
}

/** Keeps the page busy once: the check must see it. */
export function plantBlock(ms: number): Promise<void> {
  return new Promise((resolve) =>
    setTimeout(() => {
      for (const end = performance.now() + ms; performance.now() < end;);
      setTimeout(resolve, 50);
    }),
  );
}

/** Keeps that much for ever: the check must see it. @param megabytes half of it objects, half of it pixels */
export function plantLeak(megabytes: number): void {
  const host = window as unknown as WatchedWindow;
  host.benchLeak ??= [];
  host.benchLeak.push(new Uint8Array(megabytes * 2 ** 19).fill(1));
  host.benchLeak.push(Array.from({ length: megabytes * 2 ** 15 }, (_, at) => ({ at })));
}
