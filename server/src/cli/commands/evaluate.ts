import { UserError } from '@medsam2/models';
import cliProgress from 'cli-progress';
import { InvalidArgumentError, type Command } from 'commander';
import { Readable } from 'node:stream';
import { evaluateCases } from '../../evaluation/evaluate.js';
import { readLabelFile } from '../../evaluation/label-files.js';
import { pairCases } from '../../evaluation/pairs.js';
import { csvTable, jsonReport, textTable } from '../../evaluation/tables.js';
import { writeAtomically } from '../../imaging/atomic-write.js';

/** What the command is given of the process it runs in. */
export interface EvaluateIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

interface EvaluateFlags {
  readonly pred: string;
  readonly gt: string;
  readonly tolerance: number;
  readonly spacing: 'file' | readonly [number, number, number];
  readonly labels?: readonly number[];
  readonly csv?: string;
  readonly json?: string;
}

/** mm; the tolerance of the CVPR interactive challenge (specification section 8.1) */
const DEFAULT_TOLERANCE = 2;

/**
 * Adds `medsam2 evaluate`: Dice and NSD of predictions against truths.
 *
 * The table goes to stdout, progress to stderr. Failures are thrown as UserError for the caller to print; when some cases
 * could not be compared, that happens after everything else was written.
 */
export function registerEvaluate(program: Command, io: EvaluateIo): void {
  program
    .command('evaluate')
    .description(
      'Compare label maps with the truth: Dice and normalised surface distance, as the challenges define them',
    )
    .requiredOption('--pred <path>', 'predictions: a file, or a folder whose files are named like the truths')
    .requiredOption('--gt <path>', 'truths: a file or a folder (NIfTI, NRRD, MetaImage, or npz with gts / segs)')
    .option('--tolerance <mm>', 'distance up to which surfaces agree', tolerance, DEFAULT_TOLERANCE)
    .option(
      '--spacing <file|x,y,z>',
      "voxel spacing: the truth file's own, or mm along column, row, slice",
      spacing,
      'file',
    )
    .option('--labels <numbers>', 'labels to score, as 1,2,5 (default: those present in each truth)', labels)
    .option('--csv <file>', 'write one row per case and label')
    .option('--json <file>', 'write everything, with the summary')
    .addHelpText(
      'after',
      `
A missing prediction scores 0. Grids must be the same; nothing is resampled.

Examples:
  medsam2 evaluate --pred out/ --gt truth/ --csv scores.csv
  medsam2 evaluate --pred case.nii.gz --gt truth.nii.gz --tolerance 1
  medsam2 evaluate --pred out/ --gt truth/ --spacing 1,1,1`,
    )
    .action(async (flags: EvaluateFlags) => {
      const pairing = await pairCases(flags.pred, flags.gt);
      const bar = new cliProgress.SingleBar({
        format: 'comparing {value}/{total} |{bar}| {eta_formatted}',
        stream: io.stderr,
        clearOnComplete: true,
        hideCursor: null,
      });
      bar.start(pairing.pairs.length, 0);
      const options = { toleranceMm: flags.tolerance, spacing: flags.spacing, labels: flags.labels };
      const evaluation = await evaluateCases(pairing, options, readLabelFile, (done) => bar.update(done)).finally(() =>
        bar.stop(),
      );
      if (flags.csv !== undefined) await writeText(flags.csv, csvTable(evaluation));
      if (flags.json !== undefined) await writeText(flags.json, jsonReport(evaluation));
      io.stdout.write(textTable(evaluation));

      const failed = evaluation.failures.length;
      if (failed === 0) return;
      throw new UserError(
        'evaluation-incomplete',
        `${failed} of ${pairing.pairs.length} cases could not be compared and are in no mean.`,
        'The list above says why; correct these files and run again.',
      );
    });
}

const writeText = (path: string, text: string): Promise<void> =>
  writeAtomically(path, Readable.from([Buffer.from(text)]));

function tolerance(text: string): number {
  const mm = text.trim() === '' ? NaN : Number(text);
  if (Number.isFinite(mm) && mm >= 0) return mm;
  throw new InvalidArgumentError('It is a distance in mm, at least 0.');
}

function spacing(text: string): EvaluateFlags['spacing'] {
  if (text === 'file') return text;
  const [x, y, z, ...more] = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (more.length === 0 && [x, y, z].every((mm) => Number.isFinite(mm) && mm > 0)) return [x, y, z];
  throw new InvalidArgumentError('It is "file" or three positive numbers in mm, as 0.8,0.8,5.');
}

function labels(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (numbers.every((label) => Number.isInteger(label) && label > 0))
    return [...new Set(numbers)].sort((a, b) => a - b);
  throw new InvalidArgumentError('They are whole numbers above 0, as 1,2,5.');
}
