export * from './contract/text.js';
export * from './contract/viewer.js';
export * from './contract/work.js';
export { default, type OhifExtension } from './extension.js';
