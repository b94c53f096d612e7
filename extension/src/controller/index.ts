export { createWorkbench, type WorkbenchOptions } from './workbench.js';
export { doubtfulBelow } from './confidence.js';
export type { KeyValueStorage } from './stored-list.js';
export { systemClock, type Clock } from '../client/clock.js';
export { newUuid } from '../client/uuid.js';
