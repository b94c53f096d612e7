#!/usr/bin/env node
// How well a model segments labelled structures from one box each, through the engine; writes text, markdown, JSON, pictures.
//
//   npm run build
//   python models/python/training/export_scenes.py /tmp/scenes
//   node scripts/evaluate-model.mjs --model nano --scenes /tmp/scenes --data ../shared/data --speed --docs docs/nano-evaluation.md
//
// --data: a folder of folders with dicom/ and gt.npz (gts on the grid of the series; labels: JSON text number -> name).
// Instead of --model: --weights FILE --architecture NAME, for weights in training. For a quick look: --limit 5 (structures
// per case), --only NAME,NAME (cases whose names begin so). --out FOLDER instead of, or beside, --docs: all figures as JSON.
// --resume FOLDER keeps what is finished, structure by structure, so that the same command goes on where it was stopped; an empty
// folder to begin with, and the same model and options each time.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import prettier from 'prettier';
import { describeError, importModel, registrySettings, resolveModel } from '../models/dist/index.js';
import { defaultOptions, openModel } from '../server/dist/index.js';
import {
  barsOf,
  evaluateModelOnCase,
  loadFolderCase,
  loadNpzCase,
  markdownReport,
  renderResultSheet,
  textReport,
} from '../server/dist/evaluation/model/index.js';
import { findStructures } from '../server/dist/evaluation/model/structures.js';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string' },
    weights: { type: 'string' },
    architecture: { type: 'string' },
    name: { type: 'string', default: 'candidate' },
    view: { type: 'string', default: 'auto' },
    following: { type: 'string', default: 'auto' },
    scenes: { type: 'string' },
    data: { type: 'string' },
    only: { type: 'string' },
    limit: { type: 'string' },
    tolerance: { type: 'string', default: '2' },
    threads: { type: 'string' },
    resume: { type: 'string' },
    speed: { type: 'boolean', default: false },
    out: { type: 'string' },
    docs: { type: 'string' },
  },
});
if ((flags.model === undefined) === (flags.weights === undefined)) fail('Give either --model or --weights.');
if (!['auto', 'full', 'roi'].includes(flags.view)) fail('--view is auto (what the model was made for), full or roi.');
if (!['auto', 'memory', 'prompted'].includes(flags.following)) fail('--following is auto, memory or prompted.');
if (flags.out === undefined && flags.docs === undefined) fail('Give --out FOLDER or --docs FILE.');

/** Volume of the speed figures: about 100 slices of CT. */
const speedCase = 'ct_chest_3mm';
const repeats = 3;
const limit = flags.limit === undefined ? undefined : Number(flags.limit);
const threads = flags.threads === undefined ? undefined : Number(flags.threads);
const registry = mkdtempSync(join(tmpdir(), 'medsam2-evaluate-'));

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

async function findModel() {
  if (flags.model !== undefined) return resolveModel(registrySettings(process.env), flags.model);
  const settings = registrySettings({ ...process.env, MEDSAM2_MODELS_DIR: registry });
  await importModel(settings, flags.weights, { config: flags.architecture, name: flags.name, placement: 'copy' });
  return resolveModel(settings, flags.name);
}

const viewOf = (model) => (flags.view === 'auto' ? model.view : flags.view);
const followingOf = (model) => (flags.following === 'auto' ? model.following : flags.following);

/** What to type to have the same again. */
function commandLines() {
  const scenes = flags.scenes ? [`python models/python/training/export_scenes.py ${flags.scenes}`] : [];
  // What is not about the figures is left out.
  const apart = ['--out', '--resume'];
  const given = process.argv.slice(2).filter((word, at, all) => !apart.includes(word) && !apart.includes(all[at - 1]));
  return [...scenes, ['node scripts/evaluate-model.mjs', ...given].join(' ')].join('\n');
}

const shortNumbers = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(5)) : value);

/** Paths of the cases of each group, and how each is read. */
function listCases() {
  const wanted = (name) => flags.only === undefined || flags.only.split(',').some((start) => name.startsWith(start));
  const scenes = flags.scenes
    ? readdirSync(flags.scenes)
        .filter((file) => file.endsWith('.npz') && wanted(file))
        .sort()
        .map((file) => ({ id: file, group: 'scenes', load: () => loadNpzCase(join(flags.scenes, file)) }))
    : [];
  const folders = flags.data
    ? readdirSync(flags.data)
        .filter((name) => existsSync(join(flags.data, name, 'gt.npz')) && wanted(name))
        .sort()
        .map((name) => ({
          id: name,
          group: name.startsWith('synth_') ? 'phantoms' : 'real',
          load: () => loadFolderCase(join(flags.data, name)),
        }))
    : [];
  return [...scenes, ...folders];
}

/** What an earlier run with `--resume` computed, or undefined. */
function recall(name) {
  const file = flags.resume === undefined ? undefined : join(flags.resume, `${name}.bin`);
  return file !== undefined && existsSync(file) ? deserialize(readFileSync(file)) : undefined;
}

function keep(name, value) {
  if (flags.resume === undefined) return value;
  const file = join(flags.resume, `${name}.bin`);
  mkdirSync(flags.resume, { recursive: true });
  writeFileSync(`${file}.part`, serialize(value));
  renameSync(`${file}.part`, file);
  return value;
}

/** Best of a few rounds each: other work on the machine only ever makes it slower. */
async function measureSpeed(model) {
  const labelled = await loadFolderCase(join(flags.data, speedCase));
  const [structure] = findStructures(labelled.labels, labelled.names, labelled.source);
  const seconds = { load: Infinity, object: Infinity, command: Infinity };
  for (let round = 0; round < repeats; round++) {
    const started = performance.now();
    const { segmenter } = await openModel(model, { device: { kind: 'cpu', index: 0 }, threads });
    seconds.load = Math.min(seconds.load, (performance.now() - started) / 1000);
    const target = segmenter.open(labelled.source);
    const prompt = { kind: 'box', slice: structure.key, box: structure.box };
    const request = {
      objects: [{ label: 1, prompts: [prompt] }],
      direction: 'both',
      options: { ...defaultOptions, view: viewOf(model), following: followingOf(model) },
    };
    const object = performance.now();
    for await (const event of target.segment(request)) void event;
    seconds.object = Math.min(seconds.object, (performance.now() - object) / 1000);
    await segmenter.close();
    seconds.command = Math.min(seconds.command, runCommand(model, structure));
  }
  return {
    loadSeconds: seconds.load,
    slicesPerSecond: labelled.source.slices / seconds.object,
    segmentSeconds: seconds.command,
    segmentSlices: labelled.source.slices,
  };
}

function runCommand(model, { key, box }) {
  const program = new URL('../server/bin/medsam2.js', import.meta.url).pathname;
  const image = join(flags.data, speedCase, 'dicom');
  const output = join(registry, 'mask.nii.gz');
  const prompt = ['--slice', String(key), '--box', box.join(',')];
  const choice = [
    '--model',
    model.directory,
    '--view',
    viewOf(model),
    '--following',
    followingOf(model),
    '--device',
    'cpu',
  ];
  const started = performance.now();
  const run = spawnSync(process.execPath, [program, 'segment', image, '-o', output, ...prompt, ...choice], {
    encoding: 'utf8',
  });
  const seconds = (performance.now() - started) / 1000;
  if (run.status !== 0) throw new Error(`medsam2 segment failed: ${run.stderr}`);
  rmSync(output, { force: true });
  return seconds;
}

try {
  const model = await findModel();
  // First: a wrong option then costs no evaluation.
  const speed = flags.speed ? { speed: recall('speed') ?? keep('speed', await measureSpeed(model)) } : {};
  const { segmenter } = await openModel(model, { device: { kind: 'cpu', index: 0 }, threads });
  const engine = { ...defaultOptions, view: viewOf(model), following: followingOf(model) };
  const options = { engine, tolerance: Number(flags.tolerance), ...(limit === undefined ? {} : { limit }) };
  const groups = { scenes: [], phantoms: [], real: [] };
  const pictures = { scenes: [], phantoms: [], real: [] };
  for (const { id, group, load } of listCases()) {
    const labelled = await load();
    const nameOf = (label) => `${id}-${label}`;
    const finished = (label) => recall(nameOf(label));
    const result = await evaluateModelOnCase(segmenter, labelled, { ...options, finished }, (shown) => {
      pictures[group].push(keep(nameOf(shown.result.label), shown));
    });
    groups[group].push(result);
    process.stderr.write(`${labelled.name}: ${result.structures.length} structures\n`);
  }
  await segmenter.close();

  const report = flags.docs ?? join(flags.out, 'evaluation.md');
  const stem = basename(report, '.md');
  const images = flags.docs === undefined ? flags.out : join(dirname(flags.docs), 'images');
  for (const folder of [dirname(report), images, flags.out ?? images]) mkdirSync(folder, { recursive: true });
  const titles = { scenes: 'Held-out scenes', phantoms: 'Phantoms', real: 'Real images' };
  const drawn = [];
  for (const [group, shown] of Object.entries(pictures)) {
    const sheet = await renderResultSheet(shown);
    if (sheet === undefined) continue;
    const file = join(images, `${stem}-${group}.png`);
    writeFileSync(file, sheet);
    drawn.push({ file: relative(dirname(report), file), title: titles[group] });
  }
  const evaluation = {
    model: { name: model.name, architecture: model.architecture.name, weightsSha256: model.weightsSha256 },
    view: viewOf(model),
    following: followingOf(model),
    tolerance: Number(flags.tolerance),
    command: commandLines(),
    machine: `${availableParallelism()} cores of ${cpus()[0].model.trim()}`,
    ...(limit === undefined ? {} : { limit }),
    groups,
    ...speed,
    pictures: drawn,
  };
  const style = await prettier.resolveConfig(report);
  writeFileSync(report, await prettier.format(markdownReport(evaluation), { ...style, parser: 'markdown' }));
  if (flags.out !== undefined) {
    const all = { ...evaluation, bars: barsOf(evaluation) };
    writeFileSync(join(flags.out, `${stem}.json`), `${JSON.stringify(all, shortNumbers, 1)}\n`);
  }
  process.stdout.write(textReport(evaluation));
  process.stderr.write(`written: ${resolve(report)}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(registry, { recursive: true, force: true });
}
