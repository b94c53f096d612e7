import type { VolumeInfo } from '@medsam2/protocol';
import type { Volume } from '../imaging/volume.js';
import type { SegSource } from '../segmentation/types.js';

/** The caller's own rights at the PACS, and how a call is ended. */
export interface SourceCall {
  readonly signal?: AbortSignal;
  readonly authorization?: string;
}

/** What sessions need of series in a PACS; `pacsSeriesSource` makes one. */
export interface SeriesSource {
  /** Name of the PACS that is meant. @throws UserError `pacs-unknown` */
  pacsName(name?: string): string;
  /** Asks the PACS with the caller's rights: whoever gets an answer may see the series. */
  plan(
    pacs: string,
    ref: { readonly study: string; readonly series: string },
    call: SourceCall,
  ): Promise<PlannedSeries>;
  /** What there is of segmentations in a study, so that descriptions and numbers are not used twice. */
  segmentations(
    pacs: string,
    study: string,
    call: SourceCall,
  ): Promise<readonly { readonly description?: string; readonly seriesNumber?: number }[]>;
  /** One object as stored. */
  instance(
    pacs: string,
    ref: { readonly study: string; readonly series: string; readonly sopInstanceUid: string },
    call: SourceCall,
  ): Promise<Uint8Array>;
}

export interface PlannedSeries {
  readonly volumes: readonly VolumeInfo[];
  /**
   * The one that is meant, or the only one that is usable.
   * @throws UserError `no-such-volume`, `several-volumes`
   */
  volume(index?: number): PlannedVolume;
}

export interface PlannedVolume {
  readonly info: VolumeInfo;
  /** bytes that its voxels will take, at most */
  readonly bytes: number;
  /** What a SEG is made from; with the loaded volume exact to the digit. */
  source(loaded?: Pick<Volume, 'findings' | 'sliceSources'>): SegSource;
  /** @throws UserError with the code of a finding that rejects it and is not overruled */
  check(overrule?: readonly string[]): void;
  /** @throws UserError for findings that reject it, `volume-too-large`, those of PACS and decoders */
  load(options: LoadVolumeOptions): Promise<Volume>;
}

export interface LoadVolumeOptions extends SourceCall {
  readonly onProgress?: (done: number, total: number) => void;
  readonly maxBytes?: number;
  readonly overrule?: readonly string[];
}
