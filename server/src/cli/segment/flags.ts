import { defaultOptions, parityPresets } from '../../engine/options.js';
import type { Direction, EngineOptions, RecistMode } from '../../engine/types.js';
import type { WindowSpec } from '../../imaging/window-spec.js';
import type { WindowMode } from '../../imaging/window.js';
import type { LabelFileFormat } from '../../imaging/write.js';
import type { ModelFlags } from '../session.js';

export const listFormats = ['cases', 'deeplesion', 'recist-npz', 'luna', 'video'] as const;
export type ListFormat = (typeof listFormats)[number];

/** What `segment` takes, as commander gives it; an absent option is undefined. */
export interface SegmentFlags extends ModelFlags {
  readonly prompts?: string;
  readonly recistMode?: RecistMode;
  readonly recistShift?: number;
  readonly range?: { readonly first: number; readonly last: number };
  readonly direction?: Direction;
  readonly window?: WindowSpec;
  readonly windowScale?: WindowMode;
  readonly parity?: 'cpu' | 'cuda';
  readonly fillHoles?: number;
  readonly stability?: boolean;
  readonly largestComponent?: boolean;
  readonly nonOverlap?: boolean;
  readonly conditioning?: EngineOptions['conditioning'];
  /** `auto`: what the model was made for */
  readonly view?: EngineOptions['view'] | 'auto';
  /** `auto`: what the model was made for; with `parity`, the reference's */
  readonly following?: EngineOptions['following'] | 'auto';
  readonly series?: string;
  readonly volume?: number;
  readonly accept?: readonly string[];
  readonly output?: string;
  /** root of a DICOMweb service that the series is read from */
  readonly dicomweb?: string;
  readonly study?: string;
  /** path of a DICOM segmentation */
  readonly seg?: string;
  /** send the segmentation back */
  readonly store?: boolean;
  /** SeriesDescription of the segmentation */
  readonly description?: string;
  readonly overlay?: string;
  readonly report?: string;
  readonly force?: boolean;
  readonly allowEmpty?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly batch?: string;
  readonly format?: ListFormat;
  readonly images?: string;
  readonly masks?: string;
  readonly boxes?: 'transposed' | 'as-listed';
  readonly videoList?: string;
  readonly perObjMasks?: boolean;
  readonly perObjPng?: boolean;
  readonly allMasks?: boolean;
  readonly laterObjects?: boolean;
  readonly outputDir?: string;
  readonly outputFormat?: LabelFileFormat;
  readonly table?: string;
  readonly restart?: boolean;
}

/**
 * The preset (own defaults, or the reference's on a device), then what a research format does, then explicit options.
 *
 * @param made what the model was made for
 */
export function engineOptions(
  flags: SegmentFlags,
  made: Pick<EngineOptions, 'view' | 'following'>,
  ofFormat: Partial<EngineOptions> = {},
): EngineOptions {
  const base = flags.parity === undefined ? defaultOptions : parityPresets[flags.parity];
  const usual = { ...base, ...ofFormat };
  const usualFollowing = flags.parity === undefined ? made.following : usual.following;
  return {
    ...usual,
    stabilityFallback: flags.stability ?? usual.stabilityFallback,
    fillHoleArea: flags.fillHoles ?? usual.fillHoleArea,
    largestComponent: flags.largestComponent ?? usual.largestComponent,
    nonOverlap: flags.nonOverlap ?? usual.nonOverlap,
    conditioning: flags.conditioning ?? usual.conditioning,
    view: flags.view === undefined || flags.view === 'auto' ? made.view : flags.view,
    following: flags.following === undefined || flags.following === 'auto' ? usualFollowing : flags.following,
  };
}

/** Research scripts scale by the extremes of the clipped data; parity means that too. */
export const windowModeOf = (flags: SegmentFlags, ofCase?: WindowMode): WindowMode =>
  flags.windowScale ?? (flags.parity === undefined ? (ofCase ?? 'fixed') : 'data');
