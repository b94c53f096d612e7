import { useMemo, useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';
import type { Workbench } from '../contract/work.js';
import { languageOf } from '../i18n/area.js';
import { translator } from '../i18n/translate.js';
import { PanelContext, type Hotkeys, type PanelContextValue } from './context.js';
import { formats } from './format.js';
import { keepUsedKeys } from './keys.js';
import { memoryOf } from './memory.js';
import { Panel } from './panel.js';
import { frameStore, type FrameStore } from './store.js';
import { panelStyles } from './styles/index.js';

export interface PanelOptions {
  /** language of the host's interface, e.g. `de-CH`; asked again whenever the panel is drawn */
  language(): string;
  /** keys as the host shows them, e.g. `B`; beside the tools and in their tips */
  readonly hotkeys?: Hotkeys;
}

export interface MountedPanel {
  unmount(): void;
}

/**
 * Draws the panel of a workbench into a shadow root or element, with styles and a React root of its own. The workbench
 * goes on when the panel is unmounted.
 */
export function mountPanel(
  container: ShadowRoot | HTMLElement,
  workbench: Workbench,
  options: PanelOptions,
): MountedPanel {
  const { ownerDocument } = container;
  const style = ownerDocument.createElement('style');
  style.textContent = panelStyles;
  const frame = ownerDocument.createElement('div');
  frame.className = 'm2-frame';
  const place = ownerDocument.createElement('div');
  place.className = 'm2-place';
  frame.append(place);
  container.append(style, frame);
  keepUsedKeys(frame);

  const store = frameStore(workbench, (callback) => requestAnimationFrame(callback));
  const root = createRoot(place);
  root.render(<PanelRoot workbench={workbench} store={store} options={options} />);
  return {
    unmount: () => {
      root.unmount();
      store.close();
      frame.remove();
      style.remove();
    },
  };
}

const noHotkeys: Hotkeys = {};

function PanelRoot({
  workbench,
  store,
  options,
}: {
  readonly workbench: Workbench;
  readonly store: FrameStore;
  readonly options: PanelOptions;
}) {
  const language = useSyncExternalStore(store.subscribe, () => languageOf(options.language()));
  const value = useMemo((): PanelContextValue => {
    const text = translator(language);
    return {
      store,
      actions: workbench.actions,
      language,
      text,
      t: (key, values) => text({ key, values }),
      format: formats(language),
      memory: memoryOf(workbench),
      hotkeys: options.hotkeys ?? noHotkeys,
    };
  }, [language, store, workbench, options]);
  return (
    <PanelContext.Provider value={value}>
      <Panel />
    </PanelContext.Provider>
  );
}
