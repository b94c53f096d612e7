// Measures how fast a series comes from a PACS on this machine: `node scripts/measure-dicomweb.mjs [FOLDER]`.
// Starts a private Orthanc and gives it the DICOM files of FOLDER; without it a phantom CT of 200 slices, 512x512.
// Needs the compiled packages and the Debian packages orthanc and orthanc-dicomweb.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createPacs, loadSeriesVolume, pacsConfigSchema, planSeries } from '../server/dist/dicomweb/index.js';
import { makePhantom, sliceElements, writeInstance } from '../server/dist/testing.js';

// what the test support defines its suites with
globalThis.describe = Object.assign(() => undefined, { skip: () => undefined });
const { startOrthanc } = await import('../tests/dist/support/orthanc.js');

const folder = process.argv[2];
const files = folder
  ? readdirSync(folder).map((name) => join(folder, name))
  : sliceElements(makePhantom({ columns: 512, rows: 512, slices: 200 }).volume, 1).map((own) => writeInstance(own));

const orthanc = await startOrthanc();
const pacs = createPacs(pacsConfigSchema.parse({ name: 'measured', url: orthanc.url }));
try {
  await orthanc.upload(files);
  const uid = (dataset, tag) => dataset[tag].Value[0];
  const study = uid((await pacs.searchStudies({}))[0], '0020000D');
  const series = uid((await pacs.searchSeries(study, {}))[0], '0020000E');
  for (let run = 1; run <= 5; run++) {
    const raw = await timed(async () => {
      let bytes = 0;
      for await (const instance of pacs.seriesInstances(study, series)) bytes += instance.length;
      return bytes;
    });
    const planned = await timed(() => planSeries(pacs, { study, series }));
    const loaded = await timed(() => loadSeriesVolume(pacs, planned.value, 0));
    console.log(
      `run ${run}: stream alone ${raw.ms} ms (${Math.round(raw.value / 1e6)} MB), planned in ${planned.ms} ms, ` +
        `loaded in ${loaded.ms} ms; event loop held p99 ${loaded.p99} ms, at most ${loaded.most} ms`,
    );
  }
} finally {
  await pacs.close();
  await orthanc.close();
}

async function timed(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const begin = performance.now();
  const value = await work();
  const ms = Math.round(performance.now() - begin);
  delay.disable();
  const round = (nanoseconds) => Math.round(nanoseconds / 1e5) / 10;
  return { value, ms, p99: round(delay.percentile(99)), most: round(delay.max) };
}
