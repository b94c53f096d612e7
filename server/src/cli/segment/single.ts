import { UserError } from '@medsam2/models';
import { basename, resolve } from 'node:path';
import type { Volume } from '../../imaging/volume.js';
import { describeWindow } from '../../imaging/window.js';
import { ExitError, exitCodes, UsageError } from '../exit.js';
import type { CliIo } from '../io.js';
import { createProgress } from '../progress.js';
import { findModel, modelNotes, openSession } from '../session.js';
import { engineOptions, windowModeOf, type SegmentFlags } from './flags.js';
import { checkDestinations, type Destinations } from './destinations.js';
import { openInput } from './open-input.js';
import { parsePrompts, type PromptToken } from './prompt-grammar.js';
import { resolvePrompts, type ObjectSpec } from './prompt-spec.js';
import { readPromptsFile } from './prompts-file.js';
import { runCase, volumeWarnings, type CaseOutcome } from './run-case.js';
import { deliverSeg, segOf } from './seg-output.js';
import { prepareVolume } from './segment-volume.js';
import { openSource, type CaseSource } from './source.js';

/**
 * `medsam2 segment INPUT …`: one volume. What can be wrong is found in the order of what it costs: the command line, the
 * outputs, the model, the volume, the prompts on it; only then the model is loaded.
 *
 * @throws UserError and UsageError; ExitError `no-object-found`
 */
export async function segmentOne(
  input: string | undefined,
  tokens: readonly PromptToken[],
  flags: SegmentFlags,
  io: CliIo,
): Promise<void> {
  const at = (path: string): string => resolve(io.cwd, path);
  const objects = await statedObjects(tokens, flags, at);
  const destinations = await checkDestinations(input === undefined ? undefined : at(input), flags, at);
  const source = await openSource(input, flags, io);
  try {
    await segmentSource(source, objects, destinations, flags, io);
  } finally {
    await source.close();
  }
}

async function segmentSource(
  source: CaseSource,
  objects: readonly ObjectSpec[],
  destinations: Destinations,
  flags: SegmentFlags,
  io: CliIo,
): Promise<void> {
  const { signal } = io;
  const at = (path: string): string => resolve(io.cwd, path);
  const { output } = destinations;
  const model = await findModel(io, flags);

  const progress = createProgress(io, 'slices', flags.quiet);
  const note = (line: string): void => progress.note(line);
  modelNotes(model).forEach((line) => io.stderr.write(`note: ${line}\n`));
  note(`reading ${source.title}`);
  const reading = performance.now();
  const { volume, sha256, segSource } = await source.read((done, total) => progress.update(done, total));
  progress.stop();
  const readSeconds = (performance.now() - reading) / 1000;
  volumeLines(volume, flags.verbose === true).forEach(note);

  const prompts = await resolvePrompts(objects, volume, {
    openVolume: (file) => openInput(at(file), {}, signal),
    recist: { mode: flags.recistMode ?? 'box', shift: flags.recistShift },
  });
  const prepared = prepareVolume(volume, prompts, {
    window: flags.window ?? { kind: 'auto' },
    windowMode: windowModeOf(flags),
    direction: flags.direction ?? 'both',
    range: flags.range,
    options: engineOptions(flags, model),
  });

  note(`window: ${describeWindow(prepared.window)}`);
  prepared.window.notes.forEach((line) => note(`note: ${line}`));

  const session = await openSession(model, flags, note);
  try {
    signal.throwIfAborted();
    note(`${model.name} on ${session.device}, ${session.threads} threads`);
    const names = new Map(objects.flatMap(({ label, name }) => (name === undefined ? [] : [[label, name] as const])));
    const outcome = await runCase(
      session,
      {
        prepared,
        input: { name: source.name, sha256 },
        names,
        destination: {
          name: output === undefined ? '' : basename(output),
          mask: output === undefined ? { kind: 'none' } : { kind: 'file', path: output },
          overlays: flags.overlay === undefined ? undefined : at(flags.overlay),
          report: flags.report === undefined ? undefined : at(flags.report),
          allowEmpty: flags.allowEmpty === true,
        },
        readSeconds,
        modelSeconds: session.loadSeconds,
      },
      progress,
      signal,
    );
    present(outcome, output, flags, io);
    if (outcome.status === 'empty' || segSource === undefined) return;
    const seg = segOf({ prepared, outcome, model: session.model, names, source: await segSource(), known: await source.known(), description: flags.description, env: io.env }); // prettier-ignore
    await deliverSeg(await seg, { path: destinations.seg, pacs: source.pacs, quiet: flags.quiet === true }, io);
  } finally {
    progress.stop();
    await session.segmenter.close();
  }
}

async function statedObjects(
  tokens: readonly PromptToken[],
  flags: SegmentFlags,
  at: (path: string) => string,
): Promise<ObjectSpec[]> {
  if (flags.prompts !== undefined) {
    if (tokens.length === 0) return readPromptsFile(at(flags.prompts));
    throw new UsageError(
      `--prompts and --${tokens[0].option} cannot be given together.`,
      'Write all prompts into the file, or all on the command line.',
    );
  }
  if (tokens.length > 0) {
    const objects = parsePrompts(tokens);
    if (objects.length > 0) return objects;
  }
  throw new UsageError(
    'There is no prompt: what to segment is not said.',
    'Add --slice NUMBER with --box x0,y0,x1,y1, --points x,y,+, --mask FILE or --recist x0,y0,x1,y1, or --prompts FILE.',
  );
}

function volumeLines({ geometry, kind, modality, channels, findings }: Volume, verbose: boolean): string[] {
  const { columns, rows, slices, spacing } = geometry;
  const millimetres = spacing.map((value) => Number(value.toPrecision(4))).join(' x ');
  const size = `${columns} x ${rows} x ${slices} ${kind === 'cine' ? 'frames' : `voxels of ${millimetres} mm`}`;
  const what = [...(modality === undefined ? [] : [modality]), ...(channels === 3 ? ['colour'] : []), size].join(', ');
  const warnings = volumeWarnings(findings).map((message) => `warning: ${message}`);
  const remarks = verbose ? findings.filter(({ severity }) => severity === 'info') : [];
  return [what, ...warnings, ...remarks.map(({ message }) => `note: ${message}`)];
}

/** Results to stdout; an empty result is an error, unless it was asked for. */
function present({ report, status }: CaseOutcome, output: string | undefined, flags: SegmentFlags, io: CliIo): void {
  const already = new Set([...report.findings.map(({ message }) => message), ...report.window.notes]);
  const notes = report.warnings.filter((line) => !already.has(line) && !line.startsWith(report.model.name));
  const print = (line: string): void => void io.stdout.write(`${line}\n`);
  if (status === 'empty' && flags.allowEmpty !== true) throw nothingFound(report, flags);
  if (flags.quiet === true) return;
  notes.forEach((line) => io.stderr.write(`warning: ${line}\n`));
  for (const object of report.result.objects) print(objectLine(object));
  const demonstration = report.demonstration ? ' (DEMONSTRATION model: do not rely on the mask)' : '';
  if (output !== undefined) print(`written to ${output}${demonstration}`);
}

function objectLine({
  label,
  name,
  voxels,
  volume_ml: ml,
  slices,
  mean_iou: iou,
}: CaseOutcome['report']['result']['objects'][number]): string {
  const title = `object ${label}${name === undefined ? '' : ` (${name})`}`;
  if (slices === undefined || iou === undefined) return `${title}: not found`;
  const size = ml === undefined ? `${voxels} pixels` : `${voxels} voxels, ${Number(ml.toPrecision(4))} ml`;
  return `${title}: ${size}, slices ${slices[0]} to ${slices[1]}, mean IoU estimate ${iou.toFixed(2)}`;
}

function nothingFound(report: CaseOutcome['report'], { overlay }: SegmentFlags): UserError {
  const prompted = report.prompts.objects.flatMap(({ prompts }) => prompts.map(({ slice }) => slice));
  const slices = [...new Set(prompted)].sort((a, b) => a - b);
  const where =
    slices.length === 1
      ? `slice ${slices[0]}`
      : `slices ${slices.slice(0, 5).join(', ')}${slices.length > 5 ? ' …' : ''}`;
  const seen = report.result.objects.flatMap(({ absent }) => absent.map(({ presence }) => presence));
  const score =
    seen.length === 0 ? '' : ` (highest presence score ${Math.max(...seen).toFixed(1)}; above 0 is present)`;
  return new ExitError(
    exitCodes.empty,
    'no-object-found',
    `No object was found on ${where}${score}, and no mask was written.`,
    `See ${overlay === undefined ? 'with --overlay FOLDER' : `in ${overlay}`} whether slice and prompt fit, try another --window, or add --points; --allow-empty writes an empty mask.`,
  );
}
