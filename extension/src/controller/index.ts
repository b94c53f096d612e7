export { createWorkbench, type WorkbenchOptions } from './workbench.js';
export { doubtfulBelow } from './confidence.js';
export type { KeyValueStorage } from './own-sessions.js';
export { systemClock, type Clock } from '../client/clock.js';
export { newUuid } from '../client/uuid.js';
