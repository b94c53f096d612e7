import type { OpenArchive } from './archive.js';
import type { ClientVolume } from './display.js';
import type { Credentials } from './identity.js';
import type { BridgeLog } from './log.js';
import type { ImageStack, SegmenterLibrary } from './segmenter.js';

/** Everything the bridge needs from outside. */
export interface BridgeDeps {
  readonly segmenters: SegmenterLibrary;
  readonly openArchive: OpenArchive;
  readonly log: BridgeLog;
  /** display images for `better`; default: those of `compat` */
  readonly betterStack?: (volume: ClientVolume) => ImageStack;
  /** whether a request may be served; default: all */
  readonly authenticate?: (credentials: Credentials | undefined) => boolean | Promise<boolean>;
  /** where the private folder for uploads is made; default: the system's folder for temporary files */
  readonly temporaryFolder?: string;
  /** milliseconds; default: the clock */
  readonly now?: () => number;
}
