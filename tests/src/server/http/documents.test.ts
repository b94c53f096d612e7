/** Runs the tour of docs/api.md as a reader would: in one shell, against the server's process and a real PACS. */
import { makePhantom, sliceElements, writeInstance } from '@medsam2/server/testing';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from '../../cli/support.js';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { repositoryRoot } from '../../support/root.js';
import { startServerProcess, type ServerProcess } from '../../support/server-process.js';

describeWithOrthanc('docs/api.md', () => {
  const { volume, ellipsoids } = makePhantom({ columns: 128, rows: 96, slices: 12, objects: 1, seed: 4, noise: 4 });
  let orthanc: Orthanc;
  let server: ServerProcess;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'medsam2-tour-'));
    orthanc = await startOrthanc();
    const elements = sliceElements(volume, 7);
    await orthanc.upload(elements.map((one) => writeInstance({ ...one, '00100020': { vr: 'LO', Value: ['x'] } })));
    server = await startServerProcess({ env: { DICOMWEB_URL: orthanc.url } });
  });
  afterAll(async () => {
    await server?.close();
    await orthanc?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('runs from the first block to the last', async () => {
    const text = readFileSync(join(repositoryRoot(), 'docs', 'api.md'), 'utf8');
    const script = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block).join('\n');
    const [{ centre, radii }] = ellipsoids;
    const box = [centre[0] - radii[0], centre[1] - radii[1], centre[0] + radii[0], centre[1] + radii[1]].map(
      Math.round,
    );
    const [{ '0020000D': study, '0020000E': series }] = sliceElements(volume, 7);
    const { code, stdout, stderr } = await finished(
      spawn('bash', ['-euo', 'pipefail', '-c', script], {
        cwd: folder,
        env: {
          ...process.env,
          SERVER: server.url,
          STUDY: String(study?.Value[0]),
          SERIES: String(series?.Value[0]),
          BOX: JSON.stringify(box),
          SLICE: `${Math.round(centre[2])}`,
        },
      }),
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('nano, Apache-2.0');
    expect(stdout).toMatch(/^verified$/m);
    expect(readFileSync(join(folder, 'mask.nii.gz')).byteLength).toBeGreaterThan(50);
  });
});
