import { keepPanel } from './own-panel.js';
import type { PanelService } from './types/ohif.js';

const [ours, theirs] = ['ours', '@ohif/extension-cornerstone.panelModule.panelSegmentationWithToolsLabelMap'];

/** As OHIF's: it only tells its listeners. */
function panels() {
  const listeners = new Set<(detail: unknown) => void>();
  const activated: string[] = [];
  const service: PanelService = {
    EVENTS: { ACTIVATE_PANEL: 'activate' },
    subscribe: (_event, listener) => {
      listeners.add(listener);
      return { unsubscribe: () => void listeners.delete(listener) };
    },
    activatePanel: (panelId) => {
      activated.push(panelId);
      for (const listener of listeners) listener({ panelId });
    },
  };
  return { service, activated };
}

const now = (work: () => void): void => work();

describe('our panel', () => {
  it('comes back each time the viewer turns to its own', () => {
    const { service, activated } = panels();
    const kept = keepPanel(service, ours, () => true, now);
    service.activatePanel(theirs);
    service.activatePanel(theirs);
    expect(activated).toEqual([theirs, ours, theirs, ours]);
    kept.unsubscribe();
    service.activatePanel(theirs);
    expect(activated.at(-1)).toBe(theirs);
  });

  it('stays away where the user has another one open, and where another than that of segmentations is asked for', () => {
    const { service, activated } = panels();
    let isOpen = false;
    keepPanel(service, ours, () => isOpen, now);
    service.activatePanel(theirs);
    isOpen = true;
    service.activatePanel('measurements');
    expect(activated).toEqual([theirs, 'measurements']);
  });
});
