export * from './imaging/volume.js';
export * from './engine/index.js';
export { openModel, type OpenModel, type OpenModelOptions } from './inference/open-model.js';
export { parseDevice, type DeviceChoice } from './inference/devices.js';
export { indexToWorld, isRightHanded, isSameGrid, voxelVolume, worldToIndex } from './imaging/geometry.js';
export { detectFormat, openVolume, type ImageFormat, type OpenOptions } from './imaging/open.js';
export { NpzArchive, readNpzLabels, type NpyArray } from './imaging/formats/npz.js';
export { labelFileFormat, writeLabelMap, type LabelFileFormat } from './imaging/write.js';
export { parseWindow, windowPresets, type WindowSpec } from './imaging/window-spec.js';
export {
  createImageSource,
  describeWindow,
  resolveWindow,
  type ResolvedWindow,
  type WindowMode,
} from './imaging/window.js';
export { runReportSchema, type RunReport } from './report/run-report.js';
export { ModelHost, type ModelHostOptions, type ModelLease } from './sessions/models.js';
export { HostedModels, type HostedModelsOptions } from './slicer/hosted-models.js';
export { startMonaiLabel, startNnInteractive, startSlicerBridge, type SlicerBridgeDeps } from './slicer/start.js';
