import { act } from '@testing-library/react';
import type { WorkState } from '../../contract/work.js';
import { mountPanel, type PanelOptions } from '../mount.js';
import { memoryWorkbench, type MemoryWorkbench } from './workbench.js';

export interface DrawnPanel {
  readonly workbench: MemoryWorkbench;
  readonly host: HTMLElement;
  readonly root: ShadowRoot;
  /** the only element with that `data-cy`. @throws when there is none, or several */
  readonly get: (cy: string) => HTMLElement;
  readonly find: (cy: string) => HTMLElement | undefined;
  readonly all: (cy: string) => readonly HTMLElement[];
  /** changes the state as the controller does, and waits for the drawing */
  readonly change: (part: Partial<WorkState>) => Promise<void>;
  /** lets a frame pass */
  readonly frame: () => Promise<void>;
  readonly unmount: () => void;
}

/**
 * The panel in jsdom, which has neither layout nor drawing (its canvas and its observers of sizes are replaced by ones
 * that do nothing): what needs them is looked at in a browser, in the gallery.
 *
 * @param given a workbench, or the state that a new one begins with
 */
export async function drawPanel(
  given: WorkState | MemoryWorkbench,
  options: Partial<PanelOptions> = {},
): Promise<DrawnPanel> {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true, ResizeObserver: NoSizes });
  HTMLCanvasElement.prototype.getContext = () => null;
  const host = document.createElement('medsam2-panel');
  document.body.append(host);
  const root = host.attachShadow({ mode: 'open' });
  const workbench = 'actions' in given ? given : memoryWorkbench(given);
  const mounted = await act(() => Promise.resolve(mountPanel(root, workbench, { language: () => 'en', ...options })));
  const all = (cy: string) => [...root.querySelectorAll<HTMLElement>(`[data-cy="${cy}"]`)];
  const frame = () => act(() => new Promise<void>((resolve) => requestAnimationFrame(() => resolve())));
  return {
    workbench,
    host,
    root,
    all,
    find: (cy) => all(cy)[0],
    get: (cy) => {
      const found = all(cy);
      if (found.length !== 1) throw new Error(`${found.length} elements have the name ${cy}`);
      return found[0];
    },
    change: async (part) => {
      await act(() => Promise.resolve(workbench.change(part)));
      await frame();
    },
    frame,
    unmount: () => {
      act(() => mounted.unmount());
      host.remove();
    },
  };
}

class NoSizes {
  observe(): void {}
  disconnect(): void {}
}
