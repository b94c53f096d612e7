/** The real `medsam2 serve` as a process of its own, with folders of its own, on a free port. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../repository.js';

export interface ServerProcessOptions {
  /** variables over those made here: data in a private folder, any free port */
  readonly env?: Readonly<Record<string, string>>;
  /** whether Ctrl-C in the terminal does not reach it, because the starter ends it in order; default: no */
  readonly apart?: boolean;
  /** content of a configuration file */
  readonly config?: unknown;
  /** default: a new folder, removed by `close` */
  readonly dataDirectory?: string;
  /** where its log goes, over what is there; default: into a new folder, removed by `close` */
  readonly logFile?: string;
}

export interface ServerProcess {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  readonly pid: number;
  readonly dataDirectory: string;
  /** lines of the log so far */
  log(): Record<string, unknown>[];
  /** Sends a signal and waits for the end. @returns the exit code, null when a signal ended it */
  end(signal: NodeJS.Signals): Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
  /** resolves with the exit code */
  readonly ended: Promise<number | null>;
  /** Ends it at once and removes its folders. */
  close(): Promise<void>;
}

const startMs = 60_000;

/** Niceness: browser and server share a machine here, and a viewer that waits for the processor is felt at once. */
const behindTheViewer = 19;

/** Starts the server and waits until it listens. */
export async function startServerProcess(options: ServerProcessOptions = {}): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'medsam2-server-'));
  const dataDirectory = options.dataDirectory ?? join(folder, 'data');
  const configFile = join(folder, 'config.json');
  writeFileSync(configFile, JSON.stringify(options.config ?? {}));
  const logFile = options.logFile ?? join(folder, 'log.jsonl');
  const output = openSync(logFile, 'w');
  const child = spawn(
    process.execPath,
    [join(repositoryRoot(), 'server', 'bin', 'medsam2.js'), 'serve', '--config', configFile],
    {
      cwd: folder,
      stdio: ['ignore', output, 'pipe'],
      detached: options.apart ?? false,
      env: {
        ...process.env,
        PORT: '0',
        MEDSAM2_DATA_DIR: dataDirectory,
        MEDSAM2_MODELS_DIR: join(folder, 'models'),
        ...options.env,
      },
    },
  );
  closeSync(output);
  if (child.pid !== undefined) setPriority(child.pid, behindTheViewer);
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-10_000)));
  const killWithTests = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithTests);
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const log = (): Record<string, unknown>[] =>
    readFileSync(logFile, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const close = async (): Promise<void> => {
    await end(child, ended, 'SIGKILL');
    process.off('exit', killWithTests);
    rmSync(folder, { recursive: true, force: true });
  };
  for (const until = Date.now() + startMs; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const line = log().find(({ msg }) => msg === 'the server listens');
    if (line !== undefined) {
      const url = `http://127.0.0.1:${String(line.port)}`;
      const pid = child.pid ?? 0;
      const signal = (name: NodeJS.Signals): void => void child.kill(name);
      return { url, pid, dataDirectory, log, ended, signal, end: (name) => end(child, ended, name), close };
    }
    if (child.exitCode !== null || Date.now() > until) {
      const said = `${errors.slice(-2000)}${readFileSync(logFile, 'utf8').slice(-2000)}`;
      await close();
      throw new Error(`the server does not start: ${said}`);
    }
  }
}

async function end(child: ChildProcess, ended: Promise<number | null>, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  return ended;
}
