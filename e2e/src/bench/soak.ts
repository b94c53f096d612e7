/**
 * Uses the viewer by script for a while and watches what the page keeps in memory after a forced collection of garbage.
 * Exit code 1 when it keeps 50 MB or more in 30 minutes; with --leak, when the planted leak is not noticed.
 *
 * Run it: npm run soak:viewer -- [--minutes 30] [--ohif VERSION] [--leak] [--stock] [--json FILE]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadStudies } from '@medsam2/demo';
import { openViewer } from '../support/open-viewer.js';
import { leaveEvery, useOnce, useStockOnce } from './cycle.js';
import { growth, Heap, mostGrowth, total, type HeapSample } from './heap.js';
import { longStudy } from './long-study.js';
import { machine } from './numbers.js';
import { plantLeak } from './page-watch.js';
import { Visitor } from './visitor.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    ohif: { type: 'string' },
    leak: { type: 'boolean', default: false },
    stock: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const end = performance.now() + Number(values.minutes) * 60_000;

/** MB of the planted leak in each cycle. */
const leakPerCycle = 4;
/** Cycles until caches are full; entering the mode anew is among them. */
const warmUp = leaveEvery;
/** so that there is something to tell growth from */
const fewest = warmUp + 3;

const study = longStudy(40, 256);
const opened = await openViewer({ name: 'soak', studies: [], ...(values.ohif && { ohif: values.ohif }) });
try {
  await loadStudies(opened.pacs, [study]);
  const visitor = new Visitor(opened, study);
  await visitor.watch();
  await visitor.enter(values.stock ? 'viewer' : 'medsam2');
  const heap = await Heap.of(opened.page);
  const samples: HeapSample[] = [];
  process.stdout.write(`OHIF ${opened.ohif}; ${machine()}\ncycle  minutes  objects  browser  buffers  total MB\n`);
  for (let cycle = 0; cycle < fewest || performance.now() < end; cycle++) {
    await (values.stock ? useStockOnce : useOnce)(visitor, cycle);
    if (values.leak) await opened.page.evaluate(plantLeak, leakPerCycle);
    await visitor.seen();
    const sample = await heap.sample();
    samples.push(sample);
    const { minutes, objects, embedder, buffers } = sample;
    process.stdout.write(
      `${String(cycle).padStart(5)} ${[minutes, objects, embedder, buffers, total(sample)].map((value) => value.toFixed(1).padStart(8)).join(' ')}\n`,
    );
  }
  const { seen, projected, passed } = growth(samples.slice(warmUp));
  process.stdout.write(
    `after ${warmUp} cycles of warm-up: ${seen.toFixed(1)} MB more at the end than at the begin; at this pace ` +
      `${projected.toFixed(1)} MB in 30 minutes (bar: ${mostGrowth}); ${machine()}\n`,
  );
  const problems = opened.problems.all();
  if (problems.length > 0) process.stdout.write(`in the page: ${JSON.stringify(problems.slice(0, 5))}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ samples, seen, projected })}\n`);
  const verdict = values.leak ? (passed ? 'the planted leak was NOT noticed' : 'the planted leak was noticed') : passed ? 'passed' : 'FAILED'; // prettier-ignore
  process.stdout.write(`${verdict}\n`);
  process.exitCode = passed === values.leak ? 1 : 0;
} catch (error) {
  // the page may be gone, too; what failed first is what is told
  await opened.viewer.picture('failure').catch(() => undefined);
  throw error;
} finally {
  await opened.close();
}
