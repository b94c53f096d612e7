/** Our panel stays where the viewer would turn to its own panel for what we do. */
import type { Subscription, PanelService } from './types/ohif.js';

/** The viewer's panels of segmentations. */
const stockPanel = /panelSegmentation/;

/**
 * The viewer's segmentation mode turns to its own panel when a first segmentation appears, and again after all were
 * removed. Segmentations of this mode are ours: where our panel is open then, it stays. A user who opened the viewer's
 * panel keeps that.
 *
 * @param isOpen whether our panel is on the page
 */
export function keepPanel(
  panelService: PanelService,
  panelId: string,
  isOpen: () => boolean,
  later: (work: () => void) => void = (work) => void setTimeout(work, 0),
): Subscription {
  return panelService.subscribe(panelService.EVENTS.ACTIVATE_PANEL, (detail) => {
    const id = (detail as { readonly panelId?: unknown }).panelId;
    if (typeof id !== 'string' || id === panelId || !stockPanel.test(id) || !isOpen()) return;
    // after the viewer has turned
    later(() => panelService.activatePanel(panelId, true));
  });
}
