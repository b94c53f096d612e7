export * from './errors.js';
export * from './architecture.js';
export {
  listArchitectures,
  findArchitecture,
  shippedGraphs,
  type InstalledArchitecture,
} from './bind/architectures.js';
export { bindGraph, bindingVersion } from './bind/bind-graph.js';
export { compareCheckpoint, requireMatch, type Mismatch } from './checkpoint/match.js';
export { openCheckpoint } from './checkpoint/open.js';
export { readTensor } from './checkpoint/tensor.js';
export type { Checkpoint, Dtype, TensorEntry } from './checkpoint/types.js';
export { importModel, type ImportOptions } from './registry/import.js';
export { readEmbedded, type EmbeddedModel } from './registry/embedded.js';
export { readKnownModels, shippedManifests } from './registry/known.js';
export { listModels, type ListedModel } from './registry/list.js';
export { pullModel, type PullOptions } from './registry/pull.js';
export { removeModel } from './registry/remove.js';
export { resolveModel, type ResolvedModel } from './registry/resolve.js';
export type { Acceptance, KnownModel, Licence, Manifest, ModelFollowing, ModelView } from './registry/schemas.js';
export { registrySettings, type RegistrySettings } from './registry/settings.js';
export { verifyModels, type Verification } from './registry/verify.js';
export { sha256OfFile } from './files/hash.js';
export { makeFolders } from './files/folders.js';
