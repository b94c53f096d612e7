import type { RegistrySettings } from '@medsam2/models';
import { pt, tinyTensors } from '@medsam2/models/testing/checkpoints';
import { userError } from '@medsam2/models/testing/errors';
import { testRegistry, type TestRegistry } from '@medsam2/models/testing/registry';
import { serve, startServer, type FileServer } from '@medsam2/models/testing/server';
import { Command } from 'commander';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { registerModels } from './models.js';

let registry: TestRegistry;
let server: FileServer;
beforeEach(async () => {
  registry = testRegistry();
  server = await startServer(serve(pt(tinyTensors(1))));
  registry.know({ source: { url: server.url } });
});
afterEach(async () => {
  registry.remove();
  await server.close();
});

/** Runs `medsam2 models …` in this process, with a real registry, server and streams. */
async function models(...words: string[]): Promise<{ stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') =>
    new PassThrough().on('data', (chunk: Buffer) => (written[name] += chunk.toString()));
  const io = { stdout: stream('stdout'), stderr: stream('stderr'), env: {} };
  const program = new Command('medsam2').exitOverride();
  program.configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) });
  const overrides: Partial<RegistrySettings> = registry.settings;
  registerModels(program, io, overrides);
  for (const command of program.commands) {
    const configure = (each: Command) =>
      each
        .exitOverride()
        .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) });
    configure(command);
    command.commands.forEach(configure);
  }
  try {
    await program.parseAsync(['models', ...words], { from: 'user' });
  } finally {
    await new Promise((done) => setImmediate(done)); // lets the streams hand over what was written
  }
  return written;
}

const weights = (name = 'mine.pt') => {
  const path = join(registry.root, name);
  writeFileSync(path, pt(tinyTensors(3)));
  return path;
};

describe('medsam2 models', () => {
  it('lists, pulls, verifies and removes', async () => {
    expect((await models('list')).stdout).toMatch(
      /^NAME +STATE +SIZE +LICENCE +ABOUT\ntoy +available +- +CC0-1\.0 +Toy weights; demonstration only\n$/,
    );
    const { stdout, stderr } = await models('pull', 'toy');
    expect(stdout).toMatch(/^toy is installed \(architecture tiny, 0\.0 MB, sha256 [0-9a-f]{64}\)\./);
    expect(stdout).toContain('No sha256 was known in advance; this one is recorded.');
    expect(stdout).toContain('This model is a demonstration: do not rely on its masks.');
    expect(stderr).toMatch(/^toy: 0\.0 MB of 0\.0 MB\n/);
    expect((await models('pull', 'toy')).stdout).toBe('toy is already installed and undamaged.\n');
    expect((await models('verify')).stdout).toBe('toy: ok\n');
    expect((await models('remove', 'toy')).stdout).toBe('toy is removed.\n');
    expect((await models('verify')).stdout).toBe('No model is installed.\n');
  });

  it('imports with the options given', async () => {
    const { stdout } = await models('import', weights(), '--config', 'tiny_config', '--name', 'own', '--copy');
    expect(stdout).toMatch(/^own is installed/);
    expect(stdout).toContain('Licence: unknown.');
    expect((await models('import', weights(), '--name', 'own', '--replace', '--link')).stdout).toMatch(
      /^own is installed/,
    );
    await expect(models('import', weights(), '--copy', '--link')).rejects.toMatchObject({
      code: 'commander.conflictingOption',
    });
    await expect(models('import')).rejects.toMatchObject({ code: 'commander.missingArgument' });
  });

  it('prints JSON for programs', async () => {
    await models('import', weights());
    const listed = JSON.parse((await models('list', '--json')).stdout) as unknown;
    expect(listed).toMatchObject([
      { name: 'mine', state: 'installed' },
      { name: 'toy', state: 'available', demonstration: true },
    ]);
    expect(JSON.parse((await models('verify', '--json')).stdout)).toEqual([{ name: 'mine', problems: [] }]);
  });

  it('fails when verification does, and says which model is damaged', async () => {
    await models('import', weights());
    writeFileSync(join(registry.settings.directory, 'mine', 'weights.pt'), 'damaged');
    const error = await userError(() => models('verify'));
    expect(error).toMatchObject({ code: 'model-broken', message: '1 of 1 models failed verification: mine.' });
  });

  it('shows terms when they are not accepted, and who accepted them', async () => {
    const licence = { spdx: 'X', holder: 'x', url: 'https://example.org', restricted: true, terms: 'Research only.' };
    registry.know({ licence, source: { url: server.url } });
    expect((await models('list')).stdout).toContain('X (restricted)');
    expect((await userError(() => models('pull', 'toy'))).message).toContain('Research only.');
    const { stdout } = await models('pull', 'toy', '--accept-terms', 'toy');
    expect(stdout).toContain('Terms accepted by tester at 2024-05-06T07:08:09.000Z.');
  });

  it('stops a download when it is told to, and keeps what has arrived', async () => {
    server.answers = [serve(pt(tinyTensors(1)), { stallAfter: 700 })];
    const stop = new AbortController();
    const io = { stdout: new PassThrough(), stderr: new PassThrough(), env: {}, signal: stop.signal };
    io.stderr.on('data', (chunk: Buffer) => /0\.0 MB of/.test(chunk.toString()) && setTimeout(() => stop.abort(), 200));
    const program = new Command('medsam2');
    registerModels(program, io, registry.settings);
    await expect(program.parseAsync(['models', 'pull', 'toy'], { from: 'user' })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect((await models('list')).stdout).toContain('already downloaded');
  });

  it('draws a bar on a terminal', async () => {
    const { downloadProgress } = await import('../download-progress.js');
    let text = '';
    const terminal = Object.assign(new PassThrough(), {
      isTTY: true,
      columns: 120,
      cursorTo: () => true,
      clearLine: () => true,
      moveCursor: () => true,
    });
    terminal.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const progress = downloadProgress(terminal, 'toy');
    progress.update(0, 4e6);
    progress.update(4e6, 4e6);
    progress.stop();
    await new Promise((done) => setImmediate(done));
    expect(text).toMatch(/100 % 4\.0 MB of 4\.0 MB/);
  });

  it('explains itself', async () => {
    for (const command of ['list', 'pull', 'import', 'verify', 'remove'])
      await expect(models(command, '--help')).rejects.toMatchObject({ code: 'commander.helpDisplayed' });
  });
});
