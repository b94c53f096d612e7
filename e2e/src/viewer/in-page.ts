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
