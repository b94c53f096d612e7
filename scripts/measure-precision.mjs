#!/usr/bin/env node
// Measures whether int8 or fp16 graphs pay on this CPU: latency per graph, and agreement of masks with fp32.
//
//   npm run build && MEDSAM2_PYTHON=.venv/bin/python node scripts/measure-precision.mjs
//
// Needs the packages of models/python/requirements.txt, and onnxruntime and onnxconverter-common. Weights are random.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importModel, registrySettings, resolveModel } from '../models/dist/index.js';
import { timeGraphs } from '../server/dist/bench/scenarios.js';
import { openModel } from '../server/dist/index.js';
import { Reference } from '../tests/dist/support/reference.js';

const python = process.env.MEDSAM2_PYTHON ?? 'python3';
const scripts = new URL('../models/python/', import.meta.url).pathname;
const folder = await mkdtemp(join(tmpdir(), 'medsam2-precision-'));

function run(script, ...args) {
  const result = spawnSync(python, [join(scripts, script), ...args], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${script}: ${result.stderr}`);
}

function dice(a, b) {
  let both = 0;
  let sum = 0;
  a.forEach((value, i) => {
    both += value & b[i];
    sum += value + b[i];
  });
  return sum === 0 ? 1 : (2 * both) / sum;
}

try {
  const weights = join(folder, 'weights.pt');
  const recording = join(folder, 'flow.safetensors');
  run('random_checkpoint.py', 'medsam2', weights, '--seed', '7');
  const scene = ['--slices', '8', '--rows', '384', '--columns', '448'];
  run('record_reference.py', 'medsam2', weights, recording, '--flows', 'mask', ...scene);
  const settings = registrySettings({ MEDSAM2_MODELS_DIR: join(folder, 'models') });
  // A copy: onnx refuses external data in a file with several hard links.
  await importModel(settings, weights, { config: 'medsam2', name: 'random', placement: 'copy', demonstration: true });
  const model = await resolveModel(settings, 'random');
  const paths = { fp32: model.graphPaths };
  for (const precision of ['int8', 'fp16']) {
    const out = join(folder, precision);
    run('convert_precision.py', precision, model.directory, out);
    paths[precision] = Object.fromEntries(Object.keys(model.graphPaths).map((g) => [g, join(out, `${g}.onnx`)]));
  }
  const reference = await Reference.open(recording);
  const { object, options } = await reference.request('mask');
  const masks = {};
  const times = {};
  // Two rounds, so that a change of the machine's load does not fall on one precision alone.
  for (const precision of ['fp32', 'int8', 'fp16', 'fp32', 'int8', 'fp16']) {
    const { segmenter } = await openModel(
      { ...model, graphPaths: paths[precision] },
      { device: { kind: 'cpu', index: 0 } },
    );
    const round = await timeGraphs(segmenter.graphs, 5, [1]);
    times[precision] ??= round;
    for (const [name, { best }] of Object.entries(round)) {
      times[precision][name] = { best: Math.min(best, times[precision][name].best) };
    }
    if (masks[precision] === undefined) {
      masks[precision] = new Map();
      const target = segmenter.open(reference.source);
      for await (const event of target.segment({ objects: [object], direction: 'both', options })) {
        if (event.type === 'slice') masks[precision].set(event.slice, event.mask);
      }
    }
    await segmenter.close();
  }
  console.log(`${'best of one call, ms'.padEnd(46)}    fp32    int8    fp16`);
  for (const name of Object.keys(times.fp32)) {
    const row = ['fp32', 'int8', 'fp16'].map((p) => times[p][name].best.toFixed(1).padStart(8));
    console.log(`${name.padEnd(46)}${row.join('')}`);
  }
  for (const precision of ['int8', 'fp16']) {
    const values = [...masks.fp32].map(([slice, mask]) => dice(mask, masks[precision].get(slice)));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    console.log(
      `${precision}: Dice against fp32 over ${values.length} slices: least ${Math.min(...values).toFixed(4)}, mean ${mean.toFixed(4)}`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
