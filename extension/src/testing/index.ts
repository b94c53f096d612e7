export { MemoryViewer } from './memory-viewer.js';
