import { readCaseList } from '../../datasets/cases.js';
import { readDeepLesion } from '../../datasets/deeplesion.js';
import { readLuna } from '../../datasets/luna.js';
import type { OpenVolume } from '../../datasets/mask-file.js';
import { readRecistCases } from '../../datasets/recist-npz.js';
import type { CaseList } from '../../datasets/types.js';
import { readVideos } from '../../datasets/video.js';
import type { Direction, EngineOptions } from '../../engine/types.js';
import type { LabelFileFormat } from '../../imaging/write.js';
import { UsageError } from '../exit.js';
import type { ListFormat, SegmentFlags } from '../segment/flags.js';

/** What a format of lists brings with it; explicit options of the command line come after. */
export interface FormatDefaults {
  /** what the research script of the format does (specification sections 2, 3.5, 5.6) */
  readonly options: Partial<EngineOptions>;
  readonly direction: Direction;
  /** how results are named and stored; `frames`: a folder of PNG per case */
  readonly output: LabelFileFormat | 'frames';
  /** whether window and range of the list are those of a user (then they hold) or of a script (then options hold) */
  readonly listDecides: boolean;
}

export const formatDefaults = (format: ListFormat, { perObjPng }: SegmentFlags): FormatDefaults => {
  switch (format) {
    case 'cases':
      return { options: {}, direction: 'both', output: 'nii.gz', listDecides: true };
    case 'deeplesion': {
      const options = { conditioning: 'direct', largestComponent: true } as const;
      return { options, direction: 'both', output: 'nii.gz', listDecides: false };
    }
    case 'recist-npz':
      return { options: {}, direction: 'both', output: 'npz', listDecides: false };
    case 'luna':
      return { options: {}, direction: 'both', output: 'nii.gz', listDecides: false };
    case 'video': {
      const options = { stabilityFallback: false, nonOverlap: perObjPng !== true };
      return { options, direction: 'forward', output: 'frames', listDecides: false };
    }
  }
};

/**
 * Reads the list of a batch.
 *
 * @throws UsageError when a format's own option is missing; UserError those of the readers
 */
export function readList(
  format: ListFormat,
  flags: SegmentFlags,
  at: (path: string) => string,
  openVolume: OpenVolume,
): Promise<CaseList> {
  const list = at(flags.batch ?? '');
  const folder = (option: '--images' | '--masks', value: string | undefined): string => {
    if (value !== undefined) return at(value);
    throw new UsageError(`--format ${format} needs ${option}.`, `Add ${option} FOLDER.`);
  };
  switch (format) {
    case 'cases':
      return readCaseList(list, openVolume);
    case 'deeplesion': {
      const images = folder('--images', flags.images);
      return readDeepLesion({ csv: list, images, boxes: flags.boxes ?? 'transposed' });
    }
    case 'recist-npz':
      return readRecistCases(list, { mode: flags.recistMode ?? 'points', shift: flags.recistShift });
    case 'luna':
      return readLuna({ csv: list, images: folder('--images', flags.images) });
    case 'video':
      return readVideos({
        videos: list,
        masks: folder('--masks', flags.masks),
        list: flags.videoList === undefined ? undefined : at(flags.videoList),
        perObject: flags.perObjMasks,
        allMasks: flags.allMasks,
        laterObjects: flags.laterObjects,
      });
  }
}
