import { UserError } from '@medsam2/models';
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, resolve } from 'node:path';
import type { BatchCase } from '../../datasets/types.js';
import type { EngineOptions } from '../../engine/types.js';
import { listFrames } from '../../imaging/formats/frames.js';
import { labelFileFormat } from '../../imaging/write.js';
import { engineOptions, windowModeOf, type SegmentFlags } from '../segment/flags.js';
import { hashInput, stampInput } from '../segment/input-hash.js';
import { checkOutputFile, checkOutputFolder } from '../segment/outputs.js';
import { isOverlayName } from '../segment/overlays.js';
import type { CaseDestination } from '../segment/run-case.js';
import type { SegmentSettings } from '../segment/segment-volume.js';
import type { FormatDefaults } from './case-list.js';
import type { JournalEntry } from './journal.js';

/** A case with everything that decides its result, except its volume. */
export interface PlannedCase {
  readonly batchCase: BatchCase;
  readonly settings: SegmentSettings;
  /** relative to the output folder */
  readonly output: string;
  /** see `JournalEntry.parameters_sha256` */
  readonly parameters: string;
}

/** What all cases of a batch share. */
export interface BatchContext {
  readonly flags: SegmentFlags;
  readonly defaults: FormatDefaults;
  /** absolute */
  readonly outputFolder: string;
  readonly weightsSha256: string;
  /** what the model was made for */
  readonly made: Pick<EngineOptions, 'view' | 'following'>;
}

/** Settings, place of the result and parameter hash of a case. */
export async function planCase(batchCase: BatchCase, context: BatchContext): Promise<PlannedCase> {
  const { flags, defaults, weightsSha256, made } = context;
  const { window: listWindow, range: listRange } = batchCase;
  const settings: SegmentSettings = {
    window: (defaults.listDecides ? (listWindow ?? flags.window) : (flags.window ?? listWindow)) ?? { kind: 'auto' },
    windowMode: windowModeOf(flags, batchCase.windowMode),
    direction: flags.direction ?? defaults.direction,
    range: defaults.listDecides ? (listRange ?? flags.range) : (flags.range ?? listRange),
    options: engineOptions(flags, made, defaults.options),
  };
  const format = flags.outputFormat ?? defaults.output;
  const output = batchCase.output ?? (format === 'frames' ? batchCase.id : `${batchCase.id}.${format}`);
  const decides = {
    weightsSha256,
    settings,
    output,
    prompts: typeof batchCase.objects === 'function' ? batchCase.fingerprint : batchCase.objects,
    promptFiles: await Promise.all(
      (batchCase.promptFiles ?? []).map((file) => stampInput(file).catch(() => 'missing')),
    ),
    perObject: flags.perObjPng === true,
    overlays: flags.overlay !== undefined,
    report: flags.report !== undefined,
    allowEmpty: flags.allowEmpty === true,
  };
  const parameters = createHash('sha256').update(JSON.stringify(decides)).digest('hex');
  return { batchCase, settings, output, parameters };
}

/**
 * Where a case's results go.
 *
 * @param own whether an earlier run of this batch wrote the result
 * @throws UserError `output-outside`, `output-format`, and those of `checkOutputFile`
 */
export async function destinationOf(
  { batchCase, output }: PlannedCase,
  { flags, defaults, outputFolder }: BatchContext,
  own: boolean,
  at: (path: string) => string,
): Promise<CaseDestination> {
  const path = resolve(outputFolder, output);
  const inside = relative(outputFolder, path);
  if (inside === '' || inside.startsWith('..') || isAbsolute(inside)) {
    throw new UserError(
      'output-outside',
      `The result ${output} would lie outside the output folder.`,
      'Let outputs of the list be names or paths within --output-dir.',
    );
  }
  const mayReplace = own || flags.force === true;
  const common = {
    name: basename(path),
    overlays: flags.overlay === undefined ? undefined : join(at(flags.overlay), batchCase.id),
    report: flags.report === undefined ? undefined : join(at(flags.report), `${batchCase.id}.json`),
    allowEmpty: flags.allowEmpty === true,
  };
  if (common.report !== undefined) await checkOutputFile(common.report, mayReplace);
  if (common.overlays !== undefined) await checkOutputFolder(common.overlays, mayReplace, isOverlayName);
  if (defaults.output === 'frames' && flags.outputFormat === undefined) {
    await checkOutputFolder(path, mayReplace);
    const frames = (await listFrames(batchCase.input)).map((file) => file.replace(/\.[^.]*$/, ''));
    return { ...common, mask: { kind: 'frames', folder: path, frames, perObject: flags.perObjPng === true } };
  }
  labelFileFormat(path);
  await checkOutputFile(path, mayReplace, batchCase.input);
  return { ...common, mask: { kind: 'file', path } };
}

/** Whether an earlier run finished a case, and nothing that decides its result has changed since. */
export async function isFinished(
  { batchCase, parameters }: PlannedCase,
  entry: JournalEntry | undefined,
  outputFolder: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (entry === undefined || (entry.status !== 'ok' && entry.status !== 'empty')) return false;
  if (entry.parameters_sha256 !== parameters) return false;
  if (entry.status === 'ok' && entry.output !== undefined) {
    const written = await stat(join(outputFolder, entry.output)).catch(() => undefined);
    if (written === undefined) return false;
  }
  const stamp = await stampInput(batchCase.input).catch(() => undefined);
  if (stamp === undefined) return false;
  // Copied or touched files have another stamp and the same content.
  return stamp === entry.input_stamp || (await hashInput(batchCase.input, signal)) === entry.input_sha256;
}
