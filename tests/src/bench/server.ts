/**
 * Measures the server as a viewer meets it: the real process, the embedded model, an Orthanc on the same machine, a CT of
 * 200 slices of 512 x 512. Prints a table and, with `--json FILE`, writes the figures. Rates are told as ratios to
 * the bare engine in the same run, since machines differ and are busy.
 *
 * Run it: npm run bench:server -- [--slices N] [--size N] [--json FILE]
 */
import { resolveModel, registrySettings } from '@medsam2/models';
import {
  createImageSource,
  defaultOptions,
  openModel,
  parseDevice,
  resolveWindow,
  type ObjectPrompts,
} from '@medsam2/server';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from '../support/client.js';
import { startOrthanc } from '../support/orthanc.js';
import { startServerProcess } from '../support/server-process.js';
import { benchSeries, type BenchSeries } from './series.js';

const { values } = parseArgs({
  options: {
    slices: { type: 'string', default: '200' },
    size: { type: 'string', default: '512' },
    json: { type: 'string' },
  },
});
const [slices, size] = [Number(values.slices), Number(values.size)];

const quantile = (numbers: readonly number[], share: number): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
};
const median = (numbers: readonly number[]): number => quantile(numbers, 0.5);

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const started = performance.now();
  const value = await work();
  return { ms: performance.now() - started, value };
}

/** Slices per second of the engine alone, with the same prompt and nothing else. */
async function bareRate({ phantom, slice, drawing }: BenchSeries): Promise<{ rate: number; slices: number }> {
  const empty = mkdtempSync(join(tmpdir(), 'medsam2-bench-'));
  const model = await resolveModel(registrySettings({ MEDSAM2_MODELS_DIR: empty }));
  const { segmenter } = await openModel(model, { device: parseDevice('cpu') });
  try {
    const { volume } = phantom;
    const source = createImageSource(volume, resolveWindow(volume, { kind: 'auto' }));
    const [x0, y0, x1, y1] = drawing.box;
    const objects: ObjectPrompts[] = [{ label: 1, prompts: [{ kind: 'box', slice, box: [x0, y0, x1, y1] }] }];
    const rates: { rate: number; slices: number }[] = [];
    // as in the server, where sessions on one series share the features of its slices
    const target = segmenter.open(source);
    for (let round = 0; round < 3; round++) {
      await target.preview({ objects, options: { ...defaultOptions, view: model.view, following: model.following } });
      const started = performance.now();
      let done = 0;
      for await (const event of target.segment({
        objects,
        direction: 'both',
        order: 'outward',
        stop: { absentSlices: 2 },
        options: { ...defaultOptions, view: model.view, following: model.following },
      })) {
        if (event.type === 'slice') done++;
      }
      rates.push({ rate: done / ((performance.now() - started) / 1000), slices: done });
    }
    target.close();
    return rates.sort((a, b) => b.rate - a.rate)[0];
  } finally {
    await segmenter.close();
    rmSync(empty, { recursive: true, force: true });
  }
}

const figures: Record<string, number> = {};
const say = (name: string, value: number, unit: string, bar = ''): void => {
  figures[name] = Number(value.toPrecision(4));
  process.stdout.write(
    `${name.padEnd(58)} ${value.toFixed(unit === 'x' ? 2 : 1).padStart(9)} ${unit.padEnd(9)} ${bar}\n`,
  );
};

const series = benchSeries(11, slices, size);
const orthanc = await startOrthanc();
const server = await startServerProcess({ env: { DICOMWEB_URL: orthanc.url } });
try {
  await orthanc.upload(series.files());
  const client = new Client(server.url);
  const raw = await timed(async () => {
    const answer = await fetch(`${orthanc.url}/studies/${series.source.study}/series/${series.source.series}`, {
      headers: { accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' },
    });
    return (await answer.arrayBuffer()).byteLength;
  });
  say('raw stream of the series from the PACS', raw.ms, 'ms');

  const opened = await timed(async () => {
    const session = await client.create(series.source, { position: { slice: series.slice } });
    return client.ready(session.id);
  });
  say('session created to ready for the first prompt', opened.ms, 'ms', 'bar: 2000');
  const { id } = opened.value;
  const segment = (await client.addSegment(id, 'ellipsoid')).id;
  const first = await timed(() => client.prompt(id, segment, series.drawing));
  say('first box to its mask', first.ms, 'ms');
  await new Promise((resolve) => setTimeout(resolve, 3000));

  const boxes: number[] = [];
  // as a person does: the same box, pulled a little larger
  const box = async (session: string, number: number, prompt: string, round: number): Promise<number> => {
    const [x0, y0, x1, y1] = series.drawing.box;
    const drawing = { ...series.drawing, box: [x0, y0, x1 + (round % 3), y1 + (round % 2)] };
    return (await timed(() => client.prompt(session, number, drawing, prompt))).ms;
  };
  for (let round = 0; round < 15; round++) boxes.push(await box(id, segment, first.value.prompt.id, round));
  say('warm box to its mask, median', median(boxes), 'ms', 'bar: 150');
  say('warm box to its mask, worst', Math.max(...boxes), 'ms');

  const bare = await bareRate(series);
  say('bare engine', bare.rate, 'slices/s');

  const runs: { rate: number; slices: number }[] = [];
  for (let round = 0; round < 3; round++) {
    const other = await client.create(series.source);
    await client.ready(other.id);
    const number = (await client.addSegment(other.id, 'ellipsoid')).id;
    const { revision } = await client.prompt(other.id, number, series.drawing);
    const run = await timed(() => client.propagated(other.id, {}, revision));
    const done = run.value.filter(({ header }) => header.type === 'slice').length;
    runs.push({ rate: done / (run.ms / 1000), slices: done });
    await client.must('DELETE', `/sessions/${other.id}`);
  }
  const streamed = runs.sort((a, b) => b.rate - a.rate)[0];
  say('streamed to the client', streamed.rate, 'slices/s');
  say('streamed, share of the bare engine', streamed.rate / bare.rate, 'x', 'bar: 0.90');

  const second = await client.create(series.source);
  await client.ready(second.id);
  const number = (await client.addSegment(second.id, 'second user')).id;
  const other = randomUUID();
  const idle: number[] = [];
  for (let round = 0; round < 15; round++) idle.push(await box(second.id, number, other, round));
  await client.propagated(id, {});
  const busy: number[] = [];
  const health: number[] = [];
  let ended = 0;
  for (let round = 0; round < 4; round++) {
    await client.must('POST', `/sessions/${id}/undo`);
    let running = true;
    const heard = client.propagated(id, {}).then(() => (running = false));
    const probe = (async () => {
      while (running) {
        health.push((await timed(() => client.ask('GET', '/healthz'))).ms);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    while (running) busy.push(await box(second.id, number, other, busy.length));
    await Promise.all([heard, probe]);
    ended++;
  }
  say('second user idle, median', median(idle), 'ms');
  say('second user while a propagation runs, median', median(busy), 'ms');
  say('second user, ratio to idle', median(busy) / median(idle), 'x', 'bar: 2');
  say('/healthz while a propagation runs, p50', median(health), 'ms');
  say('/healthz while a propagation runs, p99', quantile(health, 0.99), 'ms', 'bar: 20');
  say('probes of /healthz', health.length, '');

  const saved = await timed(() => client.save(id, { description: 'Benchmark' }));
  if (saved.value.state !== 'verified') throw new Error(`not verified: ${JSON.stringify(saved.value)}`);
  say('SEG built, stored and read back', saved.ms, 'ms', 'bar: 2000');
  if (ended === 0) throw new Error('nothing ran');
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
} finally {
  await server.close();
  await orthanc.close();
}
