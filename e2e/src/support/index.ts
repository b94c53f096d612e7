export { describeWithViewer } from './describe.js';
export { openViewer, type Between, type OpenedViewer, type OpenViewerOptions } from './open-viewer.js';
export { modesIn, ownMode, rowOf } from './study-list.js';
export { boxOf, propagate, requireNoProblems, save, segment, waitForMask } from './steps.js';
export { diceWith, structureOf, type PhantomStudy, type Point, type ViewerPage } from '@medsam2/demo';
