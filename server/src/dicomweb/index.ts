/** DICOMweb: one PACS behind one interface, and series of it as volumes. */
export { pacsConfigSchema, withoutSecrets, type PacsConfig, type PacsConfigInput } from './config.js';
export { PacsError, type PacsErrorCode } from './errors.js';
export { createPacs, type OpenPacs } from './pacs.js';
export type { Pacs, PacsCall, Query, Reachability, StoredObject } from './types.js';
export {
  chooseVolume,
  planSeries,
  segSource,
  toVolumeInfo,
  volumeOf,
  type SeriesAddress,
  type SeriesPlan,
} from './series.js';
export { loadSeriesVolume, type LoadSeriesOptions } from './load-series.js';
