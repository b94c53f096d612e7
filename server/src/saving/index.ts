export { createSaveService, type SaveLimits, type SaveServiceOptions, type SaveStep } from './service.js';
export { deliver, type Delivery, type DeliverOptions, type Outgoing } from './deliver.js';
export { compareInstances, describeDifferences, type Difference } from './compare.js';
export type { Backlog, SaveRequest, SaveService } from './types.js';
