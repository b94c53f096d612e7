// Times of interactive sessions with the built-in model, without HTTP and PACS: what sessions themselves cost.
// Prints one line per figure of docs/sessions.md. Needs the compiled packages. Argument: slices (default 200).
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { registrySettings, resolveModel } from '../models/dist/index.js';
import { defaultOptions } from '../server/dist/engine/options.js';
import { makePhantom } from '../server/dist/imaging/testing/phantom.js';
import { createImageSource, resolveWindow } from '../server/dist/imaging/window.js';
import { openModel } from '../server/dist/inference/open-model.js';
import {
  ada,
  harness,
  propagation,
  ready,
  request,
  runEnded,
  until,
  user,
} from '../server/dist/sessions/testing/harness.js';

const slices = Number(process.argv[2] ?? 200);
const phantom = makePhantom({ seed: 11, columns: 512, rows: 512, slices, objects: 1 });
const [{ centre, radii }] = phantom.ellipsoids;
const key = Math.round(centre[2]);
const box = [centre[0] - radii[0], centre[1] - radii[1], centre[0] + radii[0], centre[1] + radii[1]];
const models = mkdtempSync(join(tmpdir(), 'medsam2-measure-'));
const settings = registrySettings({ MEDSAM2_MODELS_DIR: models });
const rig = await harness({
  resolve: (name) => resolveModel(settings, name),
  open: (model) => openModel(model, { device: { kind: 'cpu', index: 0 } }),
});
const source = rig.pacs.add(phantom.volume, 1);
const service = await rig.start();
/** Milliseconds of processor time, all threads: steadier than the clock on a busy machine. */
const processor = async (work) => {
  const before = process.cpuUsage();
  await work();
  const { user: own, system } = process.cpuUsage(before);
  return (own + system) / 1000;
};
const elapsed = async (work) => {
  const started = performance.now();
  await work();
  return performance.now() - started;
};
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const tell = (what, value) => console.log(`${what}: ${value}`);

/** A box that is a little different each time, on the same slice. */
const jittered = (index) => box.map((value) => value + (index % 5));
const put = (principal, id, prompt, index) =>
  service.putPrompt(principal, id, prompt, {
    segment: 1,
    drawing: { kind: 'box', place: { slice: key }, box: jittered(index) },
    preview: true,
  });

async function begin(principal) {
  const { id } = await ready(service, principal, request(source));
  await service.addSegment(principal, id, {});
  return id;
}

/** One box of each session, which is moved. */
const prompts = new Map();

async function boxTimes(principal, id, count, wait = 0) {
  const prompt = prompts.get(id) ?? randomUUID();
  prompts.set(id, prompt);
  const times = [];
  for (let index = 0; index < count; index++) {
    times.push(await elapsed(() => put(principal, id, prompt, index)));
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  return times;
}

const lease = await rig.models.acquire('nano');
const { volume } = phantom;
const target = lease.segmenter.open(createImageSource(volume, resolveWindow(volume, { kind: 'auto' })));

/** The engine alone: on a target of its own, so that both sides encode every slice once and find it again later. */
function bare(measure = elapsed) {
  return measure(async () => {
    const objects = [{ label: 1, prompts: [{ kind: 'box', slice: key, box }] }];
    const options = { ...defaultOptions, view: lease.model.view, following: lease.model.following };
    for await (const event of target.segment({ objects, direction: 'both', options })) void event;
  });
}

function propagated(id, measure = elapsed) {
  return measure(async () => {
    const { id: run } = await service.propagate(ada, id, propagation({ stop: { absentSlices: null } }));
    for await (const { header } of service.events(ada, id, 0, new AbortController().signal)) {
      if (header.type === 'run' && header.run.id === run && header.run.state !== 'running') return;
    }
  });
}

try {
  const create = await elapsed(() => begin(ada));
  tell('series in memory to ready (no network), first session with opening the model, ms', create.toFixed(0));
  const [first] = await service.list(ada);
  const idle = await boxTimes(ada, first.id, 15);
  tell('box to mask, first, ms', idle[0].toFixed(0));
  tell('box to mask, warm, median, ms', median(idle.slice(1)).toFixed(0));
  tell(
    'propagation, every slice encoded: engine, session, ms',
    [await bare(), await propagated(first.id)].map(Math.round),
  );
  const ratios = [];
  for (let round = 0; round < 5; round++) {
    const before = await bare();
    const session = await propagated(first.id);
    const after = await bare();
    ratios.push((before + after) / 2 / session);
    tell('propagation, slices encoded before: engine, session, engine, ms', [before, session, after].map(Math.round));
  }
  tell('rate of a session relative to the engine, median', median(ratios).toFixed(3));
  const work = [];
  for (let round = 0; round < 3; round++) {
    work.push([await bare(processor), await propagated(first.id, processor)].map(Math.round));
  }
  tell('processor time of a propagation, engine and session, ms', JSON.stringify(work));
  const second = user('second');
  const other = await begin(second);
  const alone = await boxTimes(second, other, 15, 20);
  const run = propagated(first.id);
  run.catch(() => undefined);
  const during = await boxTimes(second, other, 15, 20);
  const running = !runEnded(await service.get(ada, first.id));
  await service.cancel(ada, first.id);
  await run;
  tell(
    `second user's box, idle and during a propagation (still running: ${running}), median, ms`,
    `${median(alone).toFixed(0)}, ${median(during).toFixed(0)}`,
  );
  await until(service, ada, first.id, runEnded);
  const { events, bytes } = await service.changes(ada, first.id, 0).then((all) => ({
    events: all.filter(({ header }) => header.type === 'slice').length,
    bytes: all.reduce((sum, { header, payload }) => sum + (header.type === 'slice' ? payload.length : 0), 0),
  }));
  tell('bytes of runs per slice, mean', (bytes / Math.max(1, events)).toFixed(0));
} finally {
  target.close();
  lease.release();
  await rig.end();
  rmSync(models, { recursive: true, force: true });
}
