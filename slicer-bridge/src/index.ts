export type { ArchiveLimits, ArrayArchive, ArrayHeader, NumberArray, OpenArchive } from './archive.js';
export type { BridgeDeps } from './deps.js';
export { compatStack, type ClientVolume } from './display.js';
export { BridgeError } from './errors.js';
export type { Credentials } from './identity.js';
export {
  listenMonaiLabel,
  listenNnInteractive,
  listenSlicerBridge,
  type ListenPromptedSettings,
  type ListenSettings,
  type RunningBridge,
} from './listen.js';
export type { BridgeLog, LogFields } from './log.js';
export { createSlicerBridge, type SlicerBridge } from './router.js';
export type {
  Box,
  ImageStack,
  OpenStack,
  Point,
  Prompt,
  PromptedObject,
  PropagateRequest,
  SegmenterLibrary,
  SliceMask,
  SliceRange,
  VolumeSegmenter,
} from './segmenter.js';
export { bridgeSettingsSchema, type BridgeSettings, type BridgeSettingsInput } from './settings.js';
export { createMonaiLabel } from './monailabel/router.js';
export { createNnInteractive } from './nninteractive/router.js';
export type { BareArray, ImageFile, MonaiLabelDeps, NnInteractiveDeps, PromptedDeps } from './prompted/deps.js';
export { promptedSettingsSchema, type PromptedSettings, type PromptedSettingsInput } from './prompted/settings.js';
