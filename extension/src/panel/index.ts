export { mountPanel, type MountedPanel, type PanelOptions } from './mount.js';
export type { Hotkeys } from './context.js';
