/** `npm run demo` as a user has it, once everything is built. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makePhantomStudy, repositoryRoot } from '@medsam2/demo';
import { describeWithViewer } from '../support/index.js';

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  /** so far */
  stdout: string;
  stderr: string;
}

const program = JSON.stringify(new URL('file://' + join(repositoryRoot(), 'demo', 'dist', 'run', 'main.js')).href);

describeWithViewer('the demonstration', () => {
  let data: string;
  const runs: Run[] = [];
  beforeAll(() => {
    const cache = join(repositoryRoot(), '.cache', 'e2e');
    mkdirSync(cache, { recursive: true });
    data = mkdtempSync(join(cache, 'demo-'));
  });
  afterAll(async () => {
    for (const { child, ended } of runs) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    }
    rmSync(data, { recursive: true, force: true });
  });

  function start(...args: string[]): Run {
    const script = `const { main } = await import(${program}); process.exitCode = await main(process.argv.slice(1));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, '--', ...args], {
      env: { ...process.env, DICOMWEB_URL: undefined },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const run: Run = { child, ended, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (run.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (run.stderr += text));
    runs.push(run);
    return run;
  }

  it('checks itself: from a box in the viewer to a segmentation in the PACS', async () => {
    const run = start('--check', '--port', '0', '--data', data);
    expect([await run.ended, run.stderr]).toEqual([0, expect.not.stringContaining('error')]);
    expect(run.stdout).toMatch(/^ok: OHIF [\d.]+, liver on \d+ slices, Dice 0\.(8[5-9]|9\d)\d* of the SEG [^\n]+\n$/);
  });

  it('keeps what was saved, refuses a port that is taken, and ends in order', async () => {
    const run = start('--port', '0', '--data', data);
    while (!run.stdout.includes('Ctrl-C')) {
      if (run.child.exitCode !== null) throw new Error(run.stderr);
      await sleep(50);
    }
    const [url] = /http:\/\/[\d.]+:\d+/.exec(run.stdout) ?? [''];
    const { studyUid } = makePhantomStudy('ct');
    const series = await fetch(`${url}/dicomweb/default/studies/${studyUid}/series?Modality=SEG`);
    expect(((await series.json()) as unknown[]).length).toBe(1);

    const { port } = new URL(url);
    const second = start('--port', port, '--data', data);
    expect(await second.ended).toBe(1);
    expect(second.stderr).toContain(`Port ${port} is in use`);

    run.child.kill('SIGINT');
    expect(await run.ended).toBe(0);
    expect(readFileSync(join(data, 'server.log'), 'utf8')).toContain('the server has stopped');
    await expect(fetch(url)).rejects.toThrow();
  });

  it('explains wrong options and ends with 2', async () => {
    const run = start('--prot', '1');
    expect(await run.ended).toBe(2);
    expect(run.stderr).toContain("unknown option '--prot'");
  });
});
