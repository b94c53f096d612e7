/**
 * DICOM images as volumes.
 *
 * Files: `readDicomFolder` -> `selectVolume` -> `candidate.load()`.
 * Other sources of whole instances: the same with `readInstances`. Metadata first, instances later (DICOMweb):
 * `readHeader` and `framesOf` on each dataset, `planVolumes`, then `loadVolume` with a function that fetches bytes, or a
 * `VolumeFiller` for instances that come in an order of their own.
 */
export { readDicomFolder, type FolderOptions } from './read-folder.js';
export {
  MAX_FRAMES,
  tooManyFrames,
  readInstances,
  type DicomReadResult,
  type InstanceSource,
  type ReadOptions,
  type VolumeCandidate,
} from './read-instances.js';
export { selectVolume, type VolumeChoice } from './select-volume.js';
export { parsePart10, isDicom, type ParsedInstance } from './parse.js';
export { readHeader, type InstanceHeader } from './header.js';
export { framesOf, type FrameDescriptor } from './frames.js';
export { planVolumes } from './group.js';
export { acceptedPlan, isRejected, volumeLabel, type VolumePlan } from './plan.js';
export { sliceSource, VolumeFiller, type FillOptions } from './fill-volume.js';
export { threadDecoders, type Decoders } from './decode-threads.js';
export { loadVolume, type LoadOptions, type ReadInstance } from './load-volume.js';
export { OVERRULABLE } from './findings.js';
export type { DicomDataset, DicomElement } from './dataset.js';
