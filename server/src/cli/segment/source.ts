import { UserError } from '@medsam2/models';
import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { loadConfig, resolvePacs } from '../../config/index.js';
import { loadSeriesVolume } from '../../dicomweb/load-series.js';
import { createPacs, type OpenPacs } from '../../dicomweb/pacs.js';
import { chooseVolume, planSeries, segSource } from '../../dicomweb/series.js';
import { detectFormat } from '../../imaging/open.js';
import type { Volume } from '../../imaging/volume.js';
import type { SegSource } from '../../segmentation/types.js';
import { pacsSeriesSource } from '../../sessions/pacs-source.js';
import { UsageError } from '../exit.js';
import type { CliIo } from '../io.js';
import type { SegmentFlags } from './flags.js';
import { folderSegSource } from './folder-seg-source.js';
import { hashInput } from './input-hash.js';
import { completeRemedy, openInput } from './open-input.js';

/** Where a volume comes from. */
export interface CaseSource {
  /** for the screen */
  readonly title: string;
  /** for the report */
  readonly name: string;
  /** for sending the result back */
  readonly pacs?: OpenPacs;
  read(onProgress: (done: number, total: number) => void): Promise<ReadVolume>;
  /** segmentations that the study has, so that names are not used twice */
  known(): Promise<readonly { readonly description?: string; readonly seriesNumber?: number }[]>;
  close(): Promise<void>;
}

export interface ReadVolume {
  readonly volume: Volume;
  /** of the files; of the voxels where there are no files */
  readonly sha256: string;
  /** what a DICOM segmentation is made from; only where one is wanted */
  readonly segSource?: () => Promise<SegSource>;
}

/** @throws UsageError; UserError `seg-needs-dicom`, and those of the configuration of a PACS */
export async function openSource(input: string | undefined, flags: SegmentFlags, io: CliIo): Promise<CaseSource> {
  return input === undefined ? pacsSource(flags, io) : fileSource(resolve(io.cwd, input), flags, io);
}

async function fileSource(path: string, flags: SegmentFlags, { signal }: CliIo): Promise<CaseSource> {
  const wantsSeg = flags.seg !== undefined;
  if (wantsSeg) {
    const format = await detectFormat(path);
    if (format !== 'dicom') {
      throw new UserError(
        'seg-needs-dicom',
        `A DICOM segmentation needs a DICOM source, and the input is ${format}.`,
        'Name the DICOM folder, or write a label map with -o.',
      );
    }
  }
  return {
    title: basename(path),
    name: basename(path),
    async read() {
      const volume = await openInput(path, flags, signal);
      const sha256 = await hashInput(path, signal);
      return { volume, sha256, ...(wantsSeg ? { segSource: () => folderSegSource(path, volume, signal) } : {}) };
    },
    known: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}

function pacsSource(flags: SegmentFlags, { env, signal }: CliIo): CaseSource {
  const { study, series, accept } = flags;
  if (study === undefined || series === undefined) {
    throw new UsageError(
      `--${study === undefined ? 'study' : 'series'} is missing: a series in a PACS is named by its study and its own identifier.`,
      'Give both: --study UID --series UID.',
    );
  }
  const pacs = createPacs(pacsConfig(flags, env));
  const source = pacsSeriesSource(new Map([[pacs.name, pacs]]));
  return {
    title: 'the series from the PACS',
    name: `series ${series}`,
    pacs: flags.store === true ? pacs : undefined,
    async read(onProgress) {
      const plan = await planSeries(pacs, { study, series }, { signal });
      try {
        const index = chooseVolume(plan, flags.volume);
        const volume = await loadSeriesVolume(pacs, plan, index, { signal, overrule: accept, onProgress });
        const { buffer, byteOffset, byteLength } = volume.voxels;
        const sha256 = createHash('sha256')
          .update(new Uint8Array(buffer, byteOffset, byteLength))
          .digest('hex');
        return { volume, sha256, segSource: () => Promise.resolve(segSource(plan, index, volume)) };
      } catch (error) {
        throw error instanceof UserError ? completeRemedy(error, flags) : error;
      }
    },
    known: () =>
      source.segmentations(pacs.name, study, { signal }).catch((error: unknown) => {
        // A result is not given up because the PACS cannot say what names are used.
        if (error instanceof UserError) return [];
        throw error;
      }),
    close: () => pacs.close(),
  };
}

/** Credentials come from the variables that the server uses, or the files that they name: arguments are seen by others. */
function pacsConfig({ dicomweb }: SegmentFlags, env: CliIo['env']) {
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('DICOMWEB_')));
  const loaded = loadConfig({ ...own, ...(dicomweb === undefined ? {} : { DICOMWEB_URL: dicomweb }) });
  const [pacs] = loaded.config.pacs;
  if (pacs === undefined) {
    throw new UsageError('It is not said which PACS the series is in.', 'Add --dicomweb URL, or set DICOMWEB_URL.');
  }
  return resolvePacs(pacs, loaded.secret);
}
