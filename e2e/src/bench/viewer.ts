/**
 * Measures what a person before the viewer feels: a real Chromium with software rendering, Orthanc and the server with the
 * embedded model, all on this machine. Prints a table; exit code 1 when a bar is missed.
 *
 * Run it: npm run bench:viewer -- [--ohif VERSION] [--slices 100,500] [--size 256] [--runs 12] [--json FILE] [--compositing gl|software]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadStudies } from '@medsam2/demo';
import { openViewer } from '../support/open-viewer.js';
import { blocksOf, longest, Profiler, type Blame } from './blocks.js';
import { longStudy } from './long-study.js';
import { machine, median, quantile } from './numbers.js';
import type { BoxTimes } from './page-watch.js';
import { Table } from './table.js';
import { Visitor, type Seen } from './visitor.js';

const { values } = parseArgs({
  options: {
    ohif: { type: 'string' },
    slices: { type: 'string', default: '100,500' },
    size: { type: 'string', default: '256' },
    runs: { type: 'string', default: '12' },
    json: { type: 'string' },
    compositing: { type: 'string', default: 'gl' },
  },
});
const runs = Number(values.runs);
const compositing = values.compositing === 'software' ? 'software' : 'gl';

/** The bar: milliseconds from release to visible mask. */
const mostBoxMs = 400;
const scrollEveryMs = 150;

const table = new Table();
for (const slices of values.slices.split(',').map(Number)) await measure(slices);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(table.figures, null, 2)}\n`);
process.exitCode = table.finish();

async function measure(slices: number): Promise<void> {
  const study = longStudy(slices, Number(values.size));
  const opened = await openViewer({
    name: 'bench',
    studies: [],
    compositing,
    ...(values.ohif && { ohif: values.ohif }),
  });
  try {
    table.heading(
      `OHIF ${opened.ohif}, ${slices} slices of ${values.size} x ${values.size}, page composed by ${compositing}; ${machine()}`,
    );
    await loadStudies(opened.pacs, [study]);
    const visitor = new Visitor(opened, study);
    await visitor.watch();
    table.row('address to first image', [await visitor.enter()], 'ms');
    const { slice } = study.structures[0];
    await visitor.goTo(slice);
    await calm(visitor);

    const control = await scrolling(visitor);
    await boxes(visitor, slice);
    await visitor.goTo(slice);
    await visitor.box(slice);
    await streaming(visitor, control, slices);
    const problems = opened.problems.all();
    if (problems.length > 0) throw new Error(`in the page: ${JSON.stringify(problems.slice(0, 3))}`);
  } catch (error) {
    // the page may be gone, too; what failed first is what is told
    await opened.viewer.picture('failure').catch(() => undefined);
    throw error;
  } finally {
    await opened.close();
  }
}

/** Until the viewer has fetched its images: for two seconds it does nothing long. */
async function calm(visitor: Visitor): Promise<void> {
  for (let left = 30; left > 0; left--) {
    await visitor.viewer.page.waitForTimeout(2000);
    if ((await visitor.seen()).tasks.length === 0) return;
  }
}

/** The control: the same viewer and images, drawn as often, before there is any mask. */
async function scrolling(visitor: Visitor): Promise<Seen> {
  await visitor.seen();
  await visitor.scroll(60, scrollEveryMs);
  return visitor.seen();
}

async function boxes(visitor: Visitor, middle: number): Promise<void> {
  const cold: number[] = [];
  const warm: BoxTimes[] = [];
  await visitor.take('box');
  for (let run = 0; run < runs; run++) {
    const slice = middle + run - Math.floor(runs / 2);
    await visitor.goTo(slice);
    const first = await visitor.box(slice);
    cold.push(first.visible - first.release);
    await visitor.undo();
    warm.push(await visitor.box(slice, 1));
    await visitor.undo();
  }
  const total = (times: BoxTimes): number => times.visible - times.release;
  table.row('first box on a slice to its mask on the screen', cold, 'ms');
  table.row('warm box to its mask on the screen', warm.map(total), 'ms', { most: mostBoxMs });
  table.row('- release to the page', warm.map(({ heard, release }) => heard - release), 'ms'); // prettier-ignore
  table.row('- drawing event to request', warm.map(({ request, heard }) => request - heard), 'ms'); // prettier-ignore
  table.row('- request to answer', warm.map(({ answer, request }) => answer - request), 'ms'); // prettier-ignore
  table.row('- answer to labelmap written', warm.map(({ written, answer }) => written - answer), 'ms'); // prettier-ignore
  table.row(
    '- written to drawn',
    warm.map(({ drawn, written }) => drawn - written),
    'ms',
  );
  table.row(
    '- images drawn from release to that one',
    warm.map(({ renders }) => renders),
    '',
  );
  table.row(
    '- drawn to next frame',
    warm.map(({ visible, drawn }) => visible - drawn),
    'ms',
  );
}

/** Twice: once looked at while scrolling, as the control was, and once with the hands off the mouse, profiled. */
async function streaming(visitor: Visitor, control: Seen, slices: number): Promise<void> {
  const { page } = visitor.viewer;
  const clock = (): Promise<number> => page.evaluate(() => performance.now());
  await visitor.seen();
  let begun = await clock();
  await visitor.propagate();
  let isRunning = true;
  const ended = visitor.waitForRun().finally(() => (isRunning = false));
  await visitor.scroll(10_000, scrollEveryMs, () => isRunning);
  await ended;
  const scrolled = await visitor.seen();
  arrivals('streaming while scrolling', scrolled, slices, begun);

  await visitor.undo();
  await page.waitForTimeout(1000);
  const profiler = await Profiler.of(page);
  await profiler.start();
  await visitor.seen();
  begun = await clock();
  await visitor.propagate();
  await visitor.waitForRun();
  const still = await visitor.seen();
  const blameOf = await profiler.stop();
  arrivals('streaming, no scrolling', still, slices, begun);

  await page.waitForTimeout(2000);
  await visitor.seen();
  await visitor.scroll(60, scrollEveryMs);
  const masked = await visitor.seen();

  table.row('wheel to image on the screen, no masks (control)', control.scrolls, 'ms');
  table.row('wheel to image on the screen, masks at rest (control)', masked.scrolls, 'ms');
  table.row('wheel to image on the screen, masks streaming', scrolled.scrolls, 'ms');
  table.row('- ratio to masks at rest', [median(scrolled.scrolls) / median(masked.scrolls)], 'x');
  blocks('control: scrolling without masks', control);
  blocks('control: scrolling through masks at rest', masked);
  const most = Math.max(longest, 1.5 * blocksOf(control.tasks).longest);
  blocks('streaming while scrolling', scrolled, most);
  blocks('streaming, no scrolling', still, most);
  if (still.tasks.length > 0) table.note(told('long tasks', blameOf(still.tasks)));
  const { tooLong } = blocksOf(still.tasks);
  if (tooLong.length > 0) table.note(told('those over 100 ms', blameOf(tooLong)));
}

/** @param begun milliseconds of the page's clock when the button was pressed */
function arrivals(name: string, { written }: Seen, slices: number, begun: number): void {
  const seconds = (Math.max(...written) - begun) / 1000;
  table.row(`${name}: slices seen of ${slices}`, [written.length], '');
  table.row(`${name}: slices per second in the viewer`, [written.length / seconds], '');
}

function blocks(name: string, { tasks, gaps, renders }: Seen, most?: number): void {
  const { longest: worst, tooLong } = blocksOf(tasks);
  table.row(`${name}: longest task`, [worst], 'ms', most === undefined ? {} : { most });
  table.row(`${name}: tasks over ${longest} ms`, [tooLong.length], '');
  table.row(`${name}: longest silence of a timer`, [quantile([0, ...gaps.map(({ ms }) => ms)], 1)], 'ms'); // prettier-ignore
  table.row(`${name}: images drawn`, [renders], '');
}

function told(what: string, { called, own, host, garbage, browser, functions }: Blame): string {
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  return (
    `  ${what}: begun by the plug-in ${percent(called)} (its own functions ${percent(own)}), the viewer on its own ` +
    `${percent(host)}, garbage ${percent(garbage)}, the browser ${percent(browser)}; most in ` +
    functions.map(([name, ms]) => `${name} ${Math.round(ms)} ms`).join(', ')
  );
}
