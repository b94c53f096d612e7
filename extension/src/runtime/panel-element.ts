/**
 * The panel inside the viewer. OHIF draws panels with its own React and hooks of another copy break there, so it only
 * ever sees a plain tag; the element behind it has a React root of its own in a shadow tree.
 */
import { hostLanguage } from '../host/language.js';
import { panelTag } from '../identity.js';
import { mountPanel, type Hotkeys, type MountedPanel } from '../panel/index.js';
import type { Runtime } from './runtime.js';

/** Makes the tag known to the page; once, because a page keeps it. */
export function definePanelElement(page: Window & typeof globalThis, runtime: Runtime, hotkeys: Hotkeys): void {
  if (page.customElements.get(panelTag) !== undefined) return;
  page.customElements.define(
    panelTag,
    class extends page.HTMLElement {
      private mounted: MountedPanel | undefined;
      private unsubscribe: (() => void) | undefined;

      connectedCallback(): void {
        if (this.shadowRoot === null) this.attachShadow({ mode: 'open' });
        this.unsubscribe = runtime.onChange.on(() => this.mount());
        this.mount();
      }

      disconnectedCallback(): void {
        this.unsubscribe?.();
        this.unsubscribe = undefined;
        this.unmount();
      }

      private mount(): void {
        this.unmount();
        const open = runtime.current();
        if (open === undefined || this.shadowRoot === null) return;
        this.mounted = mountPanel(this.shadowRoot, open.workbench, { language: () => hostLanguage(page), hotkeys });
      }

      private unmount(): void {
        const { mounted } = this;
        this.mounted = undefined;
        // Not while the host's React is at work on the tree around.
        if (mounted !== undefined) queueMicrotask(() => mounted.unmount());
      }
    },
  );
}

/**
 * The component that OHIF draws: uses no React, and returns an element as React 18, which all supported viewers have,
 * writes them.
 */
export const HostPanel = () => ({
  $$typeof: Symbol.for('react.element'),
  type: panelTag,
  key: null,
  ref: null,
  props: {},
  _owner: null,
  _store: {},
});
