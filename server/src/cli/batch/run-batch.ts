import { describeError, UserError } from '@medsam2/models';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { describeProblem, objectsOf, type BatchCase, type CaseList } from '../../datasets/types.js';
import { isAbort } from '../../engine/index.js';
import { ExitError, exitCodes, UsageError } from '../exit.js';
import type { CliIo } from '../io.js';
import { createProgress, type Progress } from '../progress.js';
import { findModel, modelNotes, openSession, type ModelSession } from '../session.js';
import type { SegmentFlags } from '../segment/flags.js';
import { hashInput, stampInput } from '../segment/input-hash.js';
import { openInput } from '../segment/open-input.js';
import { checkOutputFile, checkOutputFolder, isLeftoverOf, writeText } from '../segment/outputs.js';
import { caseWarnings, runCase, type CaseOutcome } from '../segment/run-case.js';
import { meanIou } from '../segment/run-report.js';
import { prepareVolume, type PreparedVolume } from '../segment/segment-volume.js';
import { programVersion } from '../versions.js';
import { formatDefaults, readList } from './case-list.js';
import { Journal, readJournal, type JournalEntry } from './journal.js';
import { destinationOf, isFinished, planCase, type BatchContext, type PlannedCase } from './plan.js';
import { csvTable, textTable, type CaseRow } from './result-table.js';

/** Problems of a list shown one by one; the rest is counted. */
const shownProblems = 20;

/** A case whose volume is in memory. */
interface LoadedCase {
  readonly prepared: PreparedVolume;
  readonly sha256: string;
  readonly seconds: number;
}

type Loading = Promise<{ readonly loaded: LoadedCase } | { readonly error: unknown }>;

/**
 * `medsam2 segment --batch LIST`: many cases with one model. A case that fails is told and the others go on; a run that is
 * broken off goes on where it was; the next case is read while one is segmented.
 *
 * @throws UserError and UsageError for what concerns all cases; ExitError `batch-incomplete`
 */
export async function segmentBatch(flags: SegmentFlags, io: CliIo): Promise<void> {
  const at = (path: string): string => resolve(io.cwd, path);
  const { signal } = io;
  const format = flags.format ?? 'cases';
  const defaults = formatDefaults(format, flags);
  const outputFolder = await requireOutputFolder(flags, at);
  const model = await findModel(io, flags);
  const list = await readList(format, flags, at, (path) => openInput(path, {}, signal));
  const earlier = await readJournal(outputFolder);
  const replacesTable = flags.force === true || earlier.size > 0;
  if (flags.table !== undefined) await checkOutputFile(at(flags.table), replacesTable, at(flags.batch ?? ''));

  const progress = createProgress(io, 'cases', flags.quiet);
  modelNotes(model).forEach((line) => io.stderr.write(`note: ${line}\n`));
  tellProblems(list, io);
  const { weightsSha256, view, following } = model;
  const context: BatchContext = { flags, defaults, outputFolder, weightsSha256, made: { view, following } };
  const planned = await planAll(list.cases, context);
  const rows = new Map<string, CaseRow>();
  const due: PlannedCase[] = [];
  for (const plan of planned) {
    const entry = earlier.get(plan.batchCase.id);
    const finished = flags.restart !== true && (await isFinished(plan, entry, outputFolder, signal));
    if (finished && entry !== undefined) rows.set(plan.batchCase.id, { entry, skipped: true });
    else due.push(plan);
  }
  if (rows.size > 0) progress.note(`${rows.size} of ${planned.length} cases are finished already`);

  if (due.length > 0) {
    const session = await openSession(model, flags, (line) => progress.note(line));
    progress.note(`${model.name} on ${session.device}, ${session.threads} threads, ${counted(due.length, 'case')}`);
    const journal = await Journal.open(outputFolder, flags.restart === true);
    try {
      const batch = new Batch(context, session, journal, earlier, progress, io, at);
      await batch.run(due, rows);
    } finally {
      progress.stop();
      await journal.close();
      await session.segmenter.close();
    }
  }
  const ordered = planned.flatMap(({ batchCase }) => rows.get(batchCase.id) ?? []);
  if (flags.table !== undefined) await writeText(at(flags.table), csvTable(ordered));
  if (flags.quiet !== true) textTable(ordered).forEach((line) => io.stdout.write(`${line}\n`));
  requireComplete(ordered, list, flags);
}

class Batch {
  constructor(
    private readonly context: BatchContext,
    private readonly session: ModelSession,
    private readonly journal: Journal,
    private readonly earlier: ReadonlyMap<string, JournalEntry>,
    private readonly progress: Progress,
    private readonly io: CliIo,
    private readonly at: (path: string) => string,
  ) {}

  async run(due: readonly PlannedCase[], rows: Map<string, CaseRow>): Promise<void> {
    // One case ahead: reading costs this thread, segmenting the worker's; two volumes are in memory at most.
    let next: Loading | undefined = this.load(due[0]);
    for (const [index, plan] of due.entries()) {
      this.progress.update(index, due.length);
      const current = next ?? this.load(plan);
      const following = due.at(index + 1);
      next = undefined;
      const entry = await this.runOne(plan, current, () => {
        if (following !== undefined) next ??= this.load(following);
      });
      await this.journal.add(entry);
      rows.set(plan.batchCase.id, { entry, skipped: false });
      this.tell(entry, index, due.length);
    }
    this.progress.update(due.length, due.length);
  }

  /** Any failure of the case becomes its entry; only an interruption and the journal end the batch. */
  private async runOne(plan: PlannedCase, loading: Loading, loadNext: () => void): Promise<JournalEntry> {
    const { batchCase, output, parameters } = plan;
    const started = performance.now();
    const base = {
      format_version: 1 as const,
      case: batchCase.id,
      input: basename(batchCase.input),
      input_stamp: await stampInput(batchCase.input).catch(() => ''),
      parameters_sha256: parameters,
      objects: 0,
      voxels: 0,
      seconds: 0,
      program_version: programVersion(),
    };
    const now = (): { seconds: number; time: string } => ({
      seconds: Number(((performance.now() - started) / 1000).toFixed(3)),
      time: new Date().toISOString(),
    });
    const before = this.earlier.get(batchCase.id);
    const own = before?.output === output;
    let begun = own;
    let sha256: string | undefined;
    try {
      const destination = await destinationOf(plan, this.context, own, this.at);
      await this.journal.add({ ...base, ...now(), status: 'started', output });
      begun = true;
      const path = resolve(this.context.outputFolder, output);
      await removeLeftovers(path);
      const arrived = await loading;
      loadNext();
      if ('error' in arrived) throw arrived.error;
      const { prepared, sha256: inputHash, seconds } = arrived.loaded;
      sha256 = inputHash;
      const outcome = await runCase(
        this.session,
        {
          prepared,
          input: { name: base.input, sha256 },
          names: batchCase.names ?? new Map<number, string>(),
          destination,
          readSeconds: seconds,
          modelSeconds: 0,
        },
        silent,
        this.io.signal,
      );
      this.warn(batchCase, prepared, outcome);
      const { objects } = outcome.result.assembly;
      const found = objects.filter(({ voxels }) => voxels > 0);
      const scores = found.map((object) => meanIou(object) ?? 0);
      const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
      const isOk = outcome.status === 'found' || this.context.flags.allowEmpty === true;
      return {
        ...base,
        ...now(),
        status: isOk ? 'ok' : 'empty',
        input_sha256: sha256,
        output,
        objects: found.length,
        voxels: found.reduce((sum, { voxels }) => sum + voxels, 0),
        ...(found.length === 0 ? {} : { mean_iou: Number(mean.toPrecision(4)) }),
      };
    } catch (error) {
      loadNext();
      this.io.signal.throwIfAborted();
      if (isAbort(error) || (error instanceof UserError && error.code === 'journal-unusable')) throw error;
      const { code, message, remedy } = asUserError(error);
      const known = { ...(sha256 === undefined ? {} : { input_sha256: sha256 }), ...(begun ? { output } : {}) };
      return { ...base, ...now(), ...known, status: 'failed', error: { code, message, remedy } };
    }
  }

  /** Never rejects: a failure waits for its turn. */
  private async load({ batchCase, settings }: PlannedCase): Loading {
    const { flags } = this.context;
    const started = performance.now();
    try {
      const volume = await openInput(batchCase.input, { accept: flags.accept }, this.io.signal);
      const sha256 = await hashInput(batchCase.input, this.io.signal);
      const prepared = prepareVolume(volume, await objectsOf(batchCase, volume), settings);
      return { loaded: { prepared, sha256, seconds: (performance.now() - started) / 1000 } };
    } catch (error) {
      return { error };
    }
  }

  private warn({ id }: BatchCase, prepared: PreparedVolume, { result }: CaseOutcome): void {
    const names = new Map<number, string>();
    for (const line of caseWarnings(prepared, result, names)) this.progress.note(`warning: ${id}: ${line}`);
  }

  private tell(entry: JournalEntry, index: number, total: number): void {
    const place = `case ${index + 1} of ${total}, ${entry.case}`;
    if (entry.error) this.progress.note(`${place}: failed. ${entry.error.message} ${entry.error.remedy}`);
    else if (entry.status === 'empty') this.progress.note(`${place}: no object was found, nothing is written`);
    else if (!this.io.isTTY) this.progress.note(`${place}: ${entry.voxels} voxels, ${entry.seconds.toFixed(1)} s`);
  }
}

const counted = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;

/** Within a batch the bar counts cases. */
const silent: Progress = { note: () => undefined, update: () => undefined, stop: () => undefined };

async function requireOutputFolder(flags: SegmentFlags, at: (path: string) => string): Promise<string> {
  if (flags.outputDir === undefined) {
    throw new UsageError('There is no place for the results of the batch.', 'Add --output-dir FOLDER.');
  }
  const folder = at(flags.outputDir);
  const inputs = [
    ['--batch', flags.batch],
    ['--images', flags.images],
    ['--masks', flags.masks],
  ] as const;
  for (const [option, path] of inputs) {
    if (path === undefined || at(path) !== folder) continue;
    throw new UsageError(`--output-dir and ${option} are the same folder.`, 'Choose another folder for the results.');
  }
  await checkOutputFolder(folder, true);
  return folder;
}

/** A case that cannot even be planned is planned all the same, so that it fails in its turn. */
async function planAll(cases: readonly BatchCase[], context: BatchContext): Promise<PlannedCase[]> {
  if (cases.length === 0) {
    throw new UserError(
      'list-empty',
      'The list gives no case to segment.',
      'Check the list and the folders it refers to.',
    );
  }
  const planned: PlannedCase[] = [];
  const taken = new Map<string, string>();
  for (const batchCase of cases) {
    const plan = await planCase(batchCase, context);
    const path = resolve(context.outputFolder, plan.output).toLowerCase();
    const other = taken.get(path);
    if (other !== undefined) {
      throw new UserError(
        'output-twice',
        `The cases ${other} and ${batchCase.id} would be written to the same file ${plan.output}.`,
        'Give each case an output of its own in the list.',
      );
    }
    taken.set(path, batchCase.id);
    planned.push(plan);
  }
  return planned;
}

function tellProblems({ problems, unmatchedRows = 0 }: CaseList, io: CliIo): void {
  const say = (line: string): void => void io.stderr.write(`${line}\n`);
  for (const problem of problems.slice(0, shownProblems)) say(`warning: ${describeProblem(problem)}`);
  if (problems.length > shownProblems)
    say(`warning: and ${problems.length - shownProblems} more problems in the list.`);
  if (unmatchedRows > 0) say(`note: ${counted(unmatchedRows, 'row')} of the list: the images are not there.`);
}

/** Temporary files of a run that was killed while it wrote this result. */
async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((candidate) => isLeftoverOf(path, candidate))) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  const what = describeError(error).split('\n')[0];
  return new UserError(
    'unexpected',
    `The case failed unexpectedly: ${what}.`,
    'Run it alone with --verbose for the trace, and report it.',
    { cause: error },
  );
}

function requireComplete(rows: readonly CaseRow[], { problems }: CaseList, { allowEmpty }: SegmentFlags): void {
  const failed = rows.filter(({ entry }) => entry.status === 'failed').length;
  const empty = allowEmpty === true ? 0 : rows.filter(({ entry }) => entry.status === 'empty').length;
  if (failed + empty + problems.length === 0) return;
  const parts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(empty > 0 ? [`in ${empty} no object was found`] : []),
    ...(problems.length > 0 ? [`${counted(problems.length, 'problem')} in the list`] : []),
  ];
  throw new ExitError(
    exitCodes.someFailed,
    'batch-incomplete',
    `The batch is not complete: of ${counted(rows.length, 'case')}, ${parts.join(', ')}.`,
    'Correct what is named above and run the same command again: finished cases are skipped.',
  );
}
