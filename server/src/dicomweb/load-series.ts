import { UserError } from '@medsam2/models';
import { forEachAtOnce } from '../imaging/dicom/at-once.js';
import { text } from '../imaging/dicom/dataset.js';
import {
  acceptedPlan,
  parsePart10,
  threadDecoders,
  VolumeFiller,
  type FillOptions,
  type InstanceHeader,
  type ParsedInstance,
} from '../imaging/dicom/index.js';
import type { Volume } from '../imaging/volume.js';
import { PacsError } from './errors.js';
import { volumeOf, type SeriesPlan } from './series.js';
import type { Pacs, PacsCall } from './types.js';

export interface LoadSeriesOptions extends FillOptions, PacsCall {
  /** codes of rejecting findings to accept on purpose (only those in `OVERRULABLE` can be) */
  readonly overrule?: readonly string[];
}

/** Instances fetched at once where they are fetched one by one; multi-frame instances can be whole series in size. */
const AT_ONCE = 4;

/**
 * Loads one volume of a series: instances are decoded as they arrive, in any order, into one array of voxels. What the
 * stream left out (the PACS was interrupted, or did not send it) is fetched once more, instance by instance.
 *
 * @throws UserError with the code of the finding that rejects the volume; `instances-missing`; what `VolumeFiller` and the
 *   PACS throw
 * @throws the signal's reason when aborted
 */
export async function loadSeriesVolume(
  pacs: Pacs,
  plan: SeriesPlan,
  index: number,
  options: LoadSeriesOptions = {},
): Promise<Volume> {
  const accepted = acceptedPlan(volumeOf(plan, index), options.overrule);
  const decoders = options.decoders ?? threadDecoders();
  const filler = new VolumeFiller(accepted, { ...options, decoders });
  // the stream sends the whole series: not worth it for one phase of ten, or one clip of many
  if (filler.needed.length * 2 > plan.instances) await fillFromStream(pacs, plan, filler, decoders.atOnce, options);
  // a second round is for duplicates that came before what they are to be compared with
  for (let round = 0; round < 2; round++) await fillOneByOne(pacs, plan, filler, options);
  return filler.finish();
}

async function fillFromStream(
  pacs: Pacs,
  plan: SeriesPlan,
  filler: VolumeFiller,
  atOnce: number,
  call: PacsCall,
): Promise<void> {
  const byUid = new Map(filler.needed.map((header) => [header.sopInstanceUid, header]));
  let arrived = 0;
  try {
    await forEachAtOnce(pacs.seriesInstances(plan.study, plan.series, call), atOnce, async (bytes) => {
      arrived++;
      const parsed = parsed10(bytes);
      const header = byUid.get(text(parsed?.dataset ?? {}, '00080018') ?? '');
      if (parsed && header) await filler.add(header, parsed);
    });
  } catch (error) {
    call.signal?.throwIfAborted();
    if (!(error instanceof PacsError)) throw error;
    // cut off on the way: what has arrived is good, the rest is asked for again
    if (error.code !== 'pacs-answer-invalid' && arrived === 0) throw error;
  }
}

/** An instance that cannot be read may be none of the volume's; if it is, it will be missing in the end. */
function parsed10(bytes: Uint8Array): ParsedInstance | undefined {
  try {
    return parsePart10(bytes);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

async function fillOneByOne(pacs: Pacs, plan: SeriesPlan, filler: VolumeFiller, call: PacsCall): Promise<void> {
  const { needed } = filler;
  const stop = new AbortController();
  const signal = call.signal ? AbortSignal.any([call.signal, stop.signal]) : stop.signal;
  const atOnce = needed.some(({ numberOfFrames }) => numberOfFrames > 1) ? 1 : AT_ONCE;
  try {
    await forEachAtOnce(needed, atOnce, async (header) => {
      try {
        await filler.add(header, await fetchInstance(pacs, plan, header, { ...call, signal }));
      } catch (error) {
        // the others need not be waited for
        stop.abort(error);
        throw error;
      }
    });
  } catch (error) {
    call.signal?.throwIfAborted();
    throw error;
  }
}

async function fetchInstance(
  pacs: Pacs,
  { study, series }: SeriesPlan,
  header: InstanceHeader,
  call: PacsCall,
): Promise<ParsedInstance> {
  try {
    return parsePart10(await pacs.instance(study, series, header.sopInstanceUid, call));
  } catch (error) {
    if (!(error instanceof PacsError) || error.code !== 'pacs-not-found') throw error;
    throw new UserError(
      'instances-missing',
      `The PACS ${pacs.name} lists an image of the series that it does not have.`,
      'Try again when the series is complete; if it is, ask the PACS administrator to check it.',
      { cause: error },
    );
  }
}
