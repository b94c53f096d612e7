import type { ResolvedModel } from '@medsam2/models';
import { randomUUID } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../config/index.js';
import type { OpenPacs } from '../../dicomweb/pacs.js';
import { inPieces, writeAtomically } from '../../imaging/atomic-write.js';
import { describeWindow } from '../../imaging/window.js';
import { deliver, type Delivery } from '../../saving/deliver.js';
import { defaultTerms, paletteColour, searchTerms } from '../../segmentation/terms/index.js';
import type { Provenance, SegObject, SegSegment, SegSource } from '../../segmentation/types.js';
import { newUid } from '../../segmentation/uid.js';
import { writeSeg } from '../../segmentation/write.js';
import { installationSerial } from '../../serving/installation.js';
import { freeDescription } from '../../sessions/saving.js';
import { ExitError, exitCodes } from '../exit.js';
import type { CliIo } from '../io.js';
import { programVersion, runtimeVersion } from '../versions.js';
import { makeFolder } from './outputs.js';
import type { CaseOutcome } from './run-case.js';
import type { PreparedVolume } from './segment-volume.js';

export interface SegFacts {
  readonly prepared: PreparedVolume;
  readonly outcome: CaseOutcome;
  readonly model: ResolvedModel;
  readonly names: ReadonlyMap<number, string>;
  readonly source: SegSource;
  /** segmentations that the study has, as far as known */
  readonly known: readonly { readonly description?: string; readonly seriesNumber?: number }[];
  readonly description?: string;
  readonly env: CliIo['env'];
}

const firstSeriesNumber = 9001;

/** The result as a DICOM segmentation: one segment for each object with pixels, with its own mask where objects overlap. */
export async function segOf({
  prepared,
  outcome,
  model,
  names,
  source,
  known,
  description,
  env,
}: SegFacts): Promise<SegObject> {
  const { assembly } = outcome.result;
  const found = assembly.objects.filter(({ voxels }) => voxels > 0);
  const segments = found.map(({ label, scores }, index): SegSegment => {
    const name = names.get(label) ?? `Object ${label}`;
    const [known] = searchTerms(name, 1).filter((hit) => hit.label.toLowerCase() === name.toLowerCase());
    const slices = scores.map(({ slice }) => slice).filter((slice) => assembly.maskOf(label, slice).includes(1));
    return {
      label: name.slice(0, 64),
      terms: known?.terms ?? defaultTerms(),
      colour: known?.colour ?? paletteColour(index),
      trackingId: `${name.slice(0, 48)} ${label}`,
      trackingUid: newUid(),
      algorithmType: 'SEMIAUTOMATIC',
      slices,
      mask: (slice) => assembly.maskOf(label, slice),
    };
  });
  const provenance = await provenanceOf(prepared, outcome, model, env);
  const text =
    description ??
    segments
      .map(({ label }) => label)
      .join(', ')
      .slice(0, 48);
  return writeSeg({
    source,
    segments,
    provenance,
    format: 'binary',
    description: freeDescription(text, provenance, known),
    seriesNumber: Math.max(firstSeriesNumber - 1, ...known.map(({ seriesNumber }) => seriesNumber ?? 0)) + 1,
    instanceNumber: 1,
    now: new Date(),
  });
}

async function provenanceOf(
  { objects, settings, window }: PreparedVolume,
  { report }: CaseOutcome,
  { name, weightsSha256: sha256, demonstration, architecture }: ResolvedModel,
  env: CliIo['env'],
): Promise<Provenance> {
  const kinds = new Set(objects.flatMap(({ prompts }) => prompts.map(({ kind }) => kind)));
  return {
    softwareName: 'medsam2',
    softwareVersion: programVersion(),
    runtime: { name: 'onnxruntime-node', version: runtimeVersion() },
    deviceSerialNumber: await serialOf(env),
    creator: '',
    reviewed: false,
    model: {
      name,
      version: sha256.slice(0, 12),
      sha256,
      demonstration,
      parameters: [
        ['architecture', architecture.name],
        ['window', describeWindow(window)],
        ['view', settings.options.view],
        ['following', settings.options.following],
        ['prompts', [...kinds].sort().join(' ')],
        ['propagation', `${settings.direction}, slices ${report.range[0]} to ${report.range[1]}`],
      ],
    },
  };
}

/** That of this installation, as its server has it; any where nothing can be kept. */
async function serialOf(env: CliIo['env']): Promise<string> {
  const { HOME, XDG_DATA_HOME, MEDSAM2_DATA_DIR } = env;
  const { dataDirectory } = loadConfig({ HOME, XDG_DATA_HOME, MEDSAM2_DATA_DIR });
  return installationSerial(dataDirectory).catch(() => randomUUID());
}

/** Pauses before a further attempt to store. */
const pausesMs = [2000, 5000];

/**
 * Writes and sends a segmentation, and says what became of it. What the PACS did not confirm is not lost: it is in a file.
 *
 * @throws ExitError `not-stored`; UserError of the writers
 */
export async function deliverSeg(
  seg: SegObject,
  { path, pacs, quiet }: { readonly path?: string; readonly pacs?: OpenPacs; readonly quiet: boolean },
  io: CliIo,
): Promise<void> {
  const say = (line: string): void => void (quiet || io.stdout.write(`${line}\n`));
  for (const warning of seg.warnings) io.stderr.write(`warning: ${warning}\n`);
  if (path !== undefined) {
    await write(path, seg);
    say(`DICOM segmentation written to ${path}`);
  }
  if (pacs === undefined) return;
  const delivery = await store(pacs, seg, io.signal);
  if (delivery.kind === 'verified') {
    say(`stored in the PACS, and read back equal: series ${seg.seriesInstanceUid}`);
    return;
  }
  const kept = path ?? resolve(io.cwd, `${seg.sopInstanceUid}.dcm`);
  if (path === undefined) await write(kept, seg);
  const maybe = delivery.mayBeStored ? ' The PACS may hold it all the same.' : '';
  throw new ExitError(
    exitCodes.notStored,
    'not-stored',
    `The segmentation is not confirmed by the PACS: ${delivery.message}${maybe}`,
    `It is in ${kept}: send that file when the reason is gone, by any DICOM program.`,
  );
}

async function store(pacs: OpenPacs, seg: SegObject, signal: AbortSignal): Promise<Delivery> {
  const object = {
    study: seg.studyInstanceUid,
    series: seg.seriesInstanceUid,
    sopInstanceUid: seg.sopInstanceUid,
    bytes: seg.bytes,
  };
  let delivery = await deliver(pacs, object, { mayBeStored: false, call: { signal } });
  for (const pause of pausesMs) {
    if (delivery.kind !== 'later') return delivery;
    await sleep(pause, undefined, { signal });
    delivery = await deliver(pacs, object, { mayBeStored: delivery.mayBeStored, call: { signal } });
  }
  return delivery;
}

async function write(path: string, { bytes }: SegObject): Promise<void> {
  await makeFolder(dirname(path));
  await writeAtomically(path, Readable.from(inPieces(bytes), { objectMode: false }));
}
