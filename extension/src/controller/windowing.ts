import type { WindowChoice } from '@medsam2/protocol';
import type { ViewerPort, WindowChoiceName } from '../contract/index.js';

/** Changes of a window smaller than this share of its width do not change what the model sees enough to ask anew. */
const notable = 0.1;

/** The window that the model is to be given. Colour has none: the server's own way is taken. */
export function wantedWindow(choice: WindowChoiceName, viewer: Pick<ViewerPort, 'window'>): WindowChoice {
  if (choice === 'auto') return 'auto';
  if (choice !== 'viewer') return { preset: choice.slice('preset:'.length) };
  const shown = viewer.window();
  return shown === undefined || !(shown.width > 0) ? 'auto' : { centre: shown.centre, width: shown.width };
}

/** Whether a session that uses one window should be changed to another. */
export function isNotablyOther(used: WindowChoice, wanted: WindowChoice): boolean {
  if (isExplicit(used) && isExplicit(wanted)) {
    const width = Math.max(used.width, wanted.width);
    return (
      Math.abs(used.centre - wanted.centre) > notable * width || Math.abs(used.width - wanted.width) > notable * width
    );
  }
  return JSON.stringify(used) !== JSON.stringify(wanted);
}

const isExplicit = (choice: WindowChoice): choice is { centre: number; width: number } =>
  typeof choice === 'object' && 'centre' in choice;
