import { Option, type Command } from 'commander';
import { UsageError } from '../exit.js';
import type { CliIo } from '../io.js';
import { deviceValue, memoryValue, rangeValue, wholeValue, windowValue } from '../option-values.js';
import { listFormats, type SegmentFlags } from '../segment/flags.js';
import type { PromptOption, PromptToken } from '../segment/prompt-grammar.js';

/** Options that make sense for one volume only, and for a batch only. */
const singleOnly = [
  'prompts',
  'dicomweb',
  'study',
  'series',
  'volume',
  'output',
  'seg',
  'store',
  'description',
] as const;
const batchOnly = [
  'format',
  'images',
  'masks',
  'boxes',
  'videoList',
  'perObjMasks',
  'perObjPng',
  'allMasks',
  'laterObjects',
  'outputDir',
  'outputFormat',
  'table',
  'restart',
] as const;

/** Adds `medsam2 segment`: one volume, or with `--batch` many. */
export function registerSegment(program: Command, io: CliIo): void {
  // The order of prompt options matters, therefore they are collected as they come.
  const tokens: PromptToken[] = [];
  const command = program
    .command('segment')
    .description('Turn prompts on a few slices into a mask of the whole volume')
    .argument('[input]', 'NIfTI, NRRD, MetaImage, MedSAM2 npz, a DICOM file or folder, or a folder of video frames');
  addPromptOptions(command, (option) => (value: string) => {
    tokens.push({ option, value });
    return value;
  });
  addSettings(command);
  addOutputs(command);
  addBatch(command);
  command.addHelpText('after', examples);
  command.action(async (input: string | undefined) => {
    const flags = command.optsWithGlobals<SegmentFlags>();
    requireOneKind(input, tokens, flags);
    // Loaded when needed: image readers and the runtime take a second that --help should not.
    if (flags.batch !== undefined) {
      const { segmentBatch } = await import('../batch/run-batch.js');
      await segmentBatch(flags, io);
    } else {
      const { segmentOne } = await import('../segment/single.js');
      await segmentOne(input, tokens, flags, io);
    }
  });
}

function addPromptOptions(command: Command, collect: (option: PromptOption) => (value: string) => string): void {
  const group = 'Prompts (order matters: they belong to the --object before them; slices count from 0):';
  const add = (flags: string, option: PromptOption, description: string): void => {
    command.addOption(new Option(flags, description).argParser(collect(option)).helpGroup(group));
  };
  add('--object <label>', 'object', 'begin an object: its number in the result, if wanted with a name, as in 2=kidney');
  add('--slice <k>', 'slice', 'slice of the prompts; with several slices, before the prompts on it');
  add('--box <x0,y0,x1,y1>', 'box', 'box in pixels: top-left and bottom-right corner');
  add('--points <x,y,sign...>', 'points', 'points in pixels: x,y,+ on the object, x,y,- beside it');
  add('--mask <file>', 'mask', 'mask on the slice: a PNG, or a label volume on the grid of the input');
  add('--mask-value <n>', 'mask-value', 'number of the object in the --mask before (default: all that is not 0)');
  add('--recist <x0,y0,x1,y1>', 'recist', 'longest diameter: the two ends of the line in pixels');
  command
    .addOption(
      new Option('--recist-mode <mode>', 'how a line becomes a prompt (default: box; for --format recist-npz: points)')
        .choices(['box', 'points', 'center', 'three-points', 'box-grid'])
        .helpGroup(group),
    )
    .addOption(
      new Option('--recist-shift <n>', 'pixels added around a box made of a line')
        .argParser(wholeValue('--recist-shift', 0, 4096))
        .helpGroup(group),
    )
    .addOption(new Option('--prompts <file>', 'all prompts from a JSON file instead (docs/cli.md)').helpGroup(group));
}

function addSettings(command: Command): void {
  const group = 'What is done:';
  const add = (option: Option): Command => command.addOption(option.helpGroup(group));
  add(new Option('--range <first:last>', 'slices to segment (default: all)').argParser(rangeValue));
  add(
    new Option('--direction <way>', 'from the prompts towards later, earlier or all slices (default: both)').choices([
      'forward',
      'backward',
      'both',
    ]),
  );
  add(
    new Option(
      '--window <window>',
      'abdomen, lung, brain, bone, …; centre,width as -600,1500; percentiles as p0.5,p99.5; auto; none (default: auto)',
    ).argParser(windowValue),
  );
  add(
    new Option('--window-scale <rule>', "0..255 are the window's ends, or the extremes of the clipped data").choices([
      'fixed',
      'data',
    ]),
  );
  add(new Option('--model <name>', 'installed model, or the folder of one (default: the only one, or nano)'));
  add(
    new Option('--device <device>', 'auto, cpu, cuda, cuda:1, webgpu, coreml, dml')
      .argParser(deviceValue)
      .default({ kind: 'auto' }, 'auto'),
  );
  add(
    new Option('--threads <n>', 'CPU threads (default: as the machine has)').argParser(wholeValue('--threads', 1, 256)),
  );
  add(new Option('--memory <size>', 'for features of slices (default: 768MiB)').argParser(memoryValue));
  add(new Option('--parity <device>', 'do exactly as the reference scripts do there').choices(['cpu', 'cuda']));
  add(
    new Option('--fill-holes <n>', "fill holes of up to n pixels of the model's grid").argParser(
      wholeValue('--fill-holes', 0, 65536),
    ),
  );
  add(new Option('--stability', 'replace unstable masks by the best of three (default)'));
  add(new Option('--no-stability', 'keep unstable masks'));
  add(new Option('--largest-component', 'keep only the largest connected part of each object'));
  add(new Option('--no-largest-component', 'keep all parts (default, except --format deeplesion)'));
  add(new Option('--non-overlap', 'where objects overlap, the one with the higher score keeps the pixel'));
  add(new Option('--no-non-overlap', 'where objects overlap, the later one keeps it (default, except --format video)'));
  add(
    new Option('--conditioning <how>', 'propagate from the mask of the prompt, or from the prompt itself').choices([
      'mask',
      'direct',
    ]),
  );
  add(
    new Option('--view <what>', 'what of a slice the model sees; auto: what it was made for (default: auto)').choices([
      'full',
      'roi',
      'auto',
    ]),
  );
  add(
    new Option(
      '--following <how>',
      'how objects are followed from slice to slice; auto: what the model was made for (default: auto)',
    ).choices(['memory', 'prompted', 'auto']),
  );
  add(
    new Option(
      '--dicomweb <url>',
      'read the series from a PACS: root of its DICOMweb services (default: DICOMWEB_URL)',
    ),
  );
  add(new Option('--study <uid>', 'DICOMweb: Study Instance UID'));
  add(new Option('--series <uid>', 'DICOM: Series Instance UID; for a folder where it holds several'));
  add(
    new Option('--volume <n>', 'number of the volume, where the input holds several').argParser(
      wholeValue('--volume', 0),
    ),
  );
  add(new Option('--accept <code...>', 'DICOM: use a volume in spite of a finding, named by its code'));
}

function addOutputs(command: Command): void {
  const group = 'What is written:';
  const add = (flags: string, description: string): Command =>
    command.addOption(new Option(flags, description).helpGroup(group));
  add('-o, --output <file>', 'label map on the grid of the input: .nii.gz, .nii, .nrrd, .mha or .npz');
  add('--seg <file>', 'DICOM segmentation, for DICOM inputs');
  add('--store', 'send the DICOM segmentation to the PACS that the series is from, and make sure that it is there');
  add('--description <text>', 'SeriesDescription of the DICOM segmentation (default: names of the objects)');
  add('--overlay <folder>', 'a PNG per slice with outlines, prompts and scores (batch: a folder per case)');
  add('--report <file>', 'JSON with model, prompts, scores, volumes, timings (batch: a folder)');
  add('--force', 'replace files that are there');
  add('--allow-empty', 'write the mask also when nothing was found');
  add('--quiet', 'print nothing but errors and what must be said of the model');
}

function addBatch(command: Command): void {
  const group = 'Many cases:';
  const add = (option: Option): Command => command.addOption(option.helpGroup(group));
  add(new Option('--batch <list>', 'cases.csv or .json; for research formats their list or folder'));
  add(new Option('--format <format>', 'of the list (default: cases)').choices(listFormats));
  add(new Option('--output-dir <folder>', 'results, and the journal by which a broken-off run goes on'));
  add(new Option('--output-format <ending>', 'of results').choices(['nii.gz', 'nii', 'nrrd', 'mha', 'npz']));
  add(new Option('--table <file>', 'write the table of cases as CSV'));
  add(new Option('--restart', 'forget what an earlier run finished'));
  add(new Option('--images <folder>', 'deeplesion, luna: the volumes'));
  add(
    new Option(
      '--boxes <order>',
      "deeplesion: whether the volumes' slices are transposed (default) or as listed",
    ).choices(['transposed', 'as-listed']),
  );
  add(new Option('--masks <folder>', 'video: masks of the first frames, a folder per video'));
  add(new Option('--video-list <file>', 'video: names of the videos to take'));
  add(new Option('--per-obj-masks', 'video: --masks has a folder per object'));
  add(new Option('--per-obj-png', 'video: write a folder per object'));
  add(new Option('--all-masks', 'video: use every mask, not only the first'));
  add(new Option('--later-objects', 'video: let objects appear after the first frame'));
}

/** Options that would be ignored silently are refused. */
function requireOneKind(input: string | undefined, tokens: readonly PromptToken[], flags: SegmentFlags): void {
  const optionOf = (flag: string): string => `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  if (flags.batch === undefined) {
    if (input === undefined && flags.dicomweb === undefined && flags.study === undefined) {
      const taken = tokens.find(({ option, value }) => option === 'points' && !/^[-+\d.]+,/.test(value.trim()));
      if (taken !== undefined) {
        throw new UsageError(
          `There is no input, and "${taken.value.slice(0, 60)}" stands where points are expected.`,
          'Name the input before --points, which takes all that follows up to the next option.',
        );
      }
      throw new UsageError(
        'There is no input.',
        'Name an image file or folder, a series in a PACS with --dicomweb, or a list with --batch LIST.',
      );
    }
    if (input !== undefined && (flags.dicomweb ?? flags.study) !== undefined) {
      throw new UsageError(
        'An input and a series of a PACS are named both.',
        'Leave one of them out: a file or folder needs no --dicomweb and --study.',
      );
    }
    const stray = batchOnly.find((flag) => flags[flag] !== undefined);
    if (stray === undefined) return;
    throw new UsageError(`${optionOf(stray)} is for batches.`, 'Add --batch LIST, or leave the option out.');
  }
  const given = [
    ...(input === undefined ? [] : ['An input']),
    ...tokens.slice(0, 1).map(({ option }) => `--${option}`),
    ...singleOnly.filter((flag) => flags[flag] !== undefined).map(optionOf),
  ];
  if (given.length === 0) return;
  throw new UsageError(
    `${given[0]} cannot be given with --batch.`,
    'The list says what to segment; results go to --output-dir.',
  );
}

const examples = `
Examples:
  medsam2 segment ct.nii.gz --slice 40 --box 120,80,180,150 -o liver.nii.gz --overlay look/
  medsam2 segment dicom/ --slice 12 --box 60,50,90,88 --points 75,70,+ 88,60,- -o lesion.nrrd
  medsam2 segment mr.nii.gz --object 1=left --slice 20 --box 30,40,60,80 --object 2=right --slice 22 --box 90,40,120,80 -o kidneys.nii.gz
  medsam2 segment --dicomweb https://pacs/dicom-web --study 1.2.3 --series 1.2.3.4 --slice 12 --box 60,50,90,88 --store
  medsam2 segment --batch cases.csv --output-dir results/ --table results.csv

Exit codes: 0 done, 1 error, 2 wrong command line, 3 nothing found, 4 batch not complete, 5 not stored, 130 interrupted.
docs/cli.md has the guide.`;
