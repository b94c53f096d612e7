/** The panel in each of its states, in a real browser: `show` mounts one, in a shadow tree as the extension does. */
import { mountPanel, type MountedPanel } from '../index.js';
import { scenes } from '../testing/scenes.js';
import { memoryWorkbench, type MemoryWorkbench } from '../testing/workbench.js';

const hotkeys = {
  box: 'B',
  point: 'P',
  pointNegative: 'N',
  scribble: 'S',
  lasso: 'L',
  eraser: 'E',
  propagate: 'Enter',
  undo: 'Ctrl+Z',
} as const;

let shown: { readonly panel: MountedPanel; readonly host: HTMLElement } | undefined;

const gallery = {
  names: Object.keys(scenes),
  /** the workbench on show, for what a test changes while the panel is there */
  workbench: undefined as MemoryWorkbench | undefined,
  show(name: string, language: string, width: number): void {
    shown?.panel.unmount();
    shown?.host.remove();
    const host = document.createElement('medsam2-panel');
    host.style.cssText = `display:block;width:${width}px`;
    document.querySelector('main')?.append(host);
    const workbench = memoryWorkbench(scenes[name]);
    gallery.workbench = workbench;
    const panel = mountPanel(host.attachShadow({ mode: 'open' }), workbench, { language: () => language, hotkeys });
    shown = { panel, host };
  },
};
export type Gallery = typeof gallery;

Object.assign(window, { gallery });
