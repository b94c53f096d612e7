/** A private Orthanc with its DICOMweb plugin, for this machine alone, on a free port, with its own folders. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '@medsam2/models';
import { freePort } from '../free-port.js';
import { dicomWebPlugin, orthancProgram } from './find.js';

export interface OrthancOptions {
  /** where it keeps what is stored; stays after `close`. Default: a new folder that `close` removes */
  readonly folder?: string;
  /** whether Ctrl-C in the terminal does not reach it, because the starter ends it in order; default: no */
  readonly apart?: boolean;
  /** HTTP Basic users and their passwords; default: none are needed */
  readonly users?: Readonly<Record<string, string>>;
  /** more settings of Orthanc's configuration file, over those made here */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface Uploaded {
  /** what Orthanc answers: `Success`, `AlreadyStored`, or `HTTP 400` and the like for what it refuses */
  readonly status: string;
  /** Orthanc's own identifier of the instance */
  readonly id?: string;
}

export interface Orthanc {
  readonly port: number;
  /** root of DICOMweb, without a slash at the end */
  readonly url: string;
  /** root of Orthanc's own REST interface, without a slash at the end */
  readonly rest: string;
  /** request to Orthanc's own REST interface with the first user's credentials, e.g. `fetch('/statistics')` */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Files by path or as bytes, several at once; what is refused (no DICOM) is told in the answer, not thrown. */
  upload(files: readonly (string | Uint8Array)[]): Promise<Uploaded[]>;
  /** Removes all patients. */
  clear(): Promise<void>;
  /** Ends the process orderly; `start` runs it again on the same port and storage. */
  stop(): Promise<void>;
  /** Ends the process at once, as a power cut would. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Freezes the process: connections are accepted by the system, and nothing is answered. */
  pause(): void;
  resume(): void;
  /** Ends the process and removes its folders, unless they were given. */
  close(): Promise<void>;
}

const START_MS = 30_000;

/**
 * Starts an Orthanc and waits until it answers.
 *
 * @throws UserError `orthanc-missing`, `orthanc-start`
 */
export async function startOrthanc(options: OrthancOptions = {}): Promise<Orthanc> {
  const plugin = dicomWebPlugin();
  if (plugin === undefined) {
    throw new UserError(
      'orthanc-missing',
      'Orthanc or its DICOMweb plugin is not installed.',
      'Install the Debian packages orthanc and orthanc-dicomweb, or set DICOMWEB_URL to a PACS that is there.',
    );
  }
  const kept = options.folder !== undefined;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'medsam2-orthanc-'));
  mkdirSync(folder, { recursive: true });
  const users = Object.entries(options.users ?? {});
  const authorization = users.map(([user, password]) => `Basic ${btoa(`${user}:${password}`)}`)[0];

  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const settings = {
      Name: 'test',
      StorageDirectory: join(folder, 'storage'),
      IndexDirectory: join(folder, 'storage'),
      Plugins: [plugin],
      HttpPort: port,
      RemoteAccessAllowed: false,
      AuthenticationEnabled: users.length > 0,
      RegisteredUsers: options.users ?? {},
      DicomServerEnabled: false,
      SaveJobs: false,
      // a test's storage does not outlive the machine, and fsync of every file is most of an upload's time
      SyncStorageArea: false,
      DicomWeb: { Enable: true, Root: '/dicom-web/', EnableWado: false },
      ...options.settings,
    };
    writeFileSync(join(folder, 'orthanc.json'), JSON.stringify(settings));
    const server = new Server(folder, kept, options.apart ?? false, port, authorization);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.kill();
      // another program may have taken the port meanwhile
      if (attempt < 3) continue;
      if (!kept) rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

class Server implements Orthanc {
  readonly url: string;
  readonly rest: string;
  private child: ChildProcess | undefined;
  private readonly endWithTests = (): void => void this.child?.kill('SIGKILL');

  constructor(
    private readonly folder: string,
    private readonly kept: boolean,
    private readonly apart: boolean,
    readonly port: number,
    private readonly authorization: string | undefined,
  ) {
    this.rest = `http://127.0.0.1:${port}`;
    this.url = `${this.rest}/dicom-web`;
    process.once('exit', this.endWithTests);
  }

  async start(): Promise<void> {
    const log = openSync(join(this.folder, 'log.txt'), 'a');
    const child = spawn(orthancProgram, [join(this.folder, 'orthanc.json')], {
      stdio: ['ignore', log, log],
      detached: this.apart,
    });
    closeSync(log);
    this.child = child;
    for (const until = Date.now() + START_MS; ; await sleep(20)) {
      const answer = await this.fetch('/system').catch(() => undefined);
      await answer?.arrayBuffer();
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > until)
        throw new UserError(
          'orthanc-start',
          `Orthanc does not start: ${readFileSync(join(this.folder, 'log.txt'), 'utf8').slice(-2000)}`,
          `The whole log is ${join(this.folder, 'log.txt')}.`,
        );
      if (answer?.ok) return;
    }
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.authorization !== undefined) headers.set('authorization', this.authorization);
    return fetch(this.rest + path, { ...init, headers });
  }

  async upload(files: readonly (string | Uint8Array)[]): Promise<Uploaded[]> {
    const uploaded: Uploaded[] = [];
    const queue = files.entries();
    const send = async (): Promise<void> => {
      for (const [index, file] of queue) {
        const body = new Uint8Array(typeof file === 'string' ? await readFile(file) : file);
        const answer = await this.fetch('/instances', { method: 'POST', body });
        const text = await answer.text();
        if (!answer.ok) uploaded[index] = { status: `HTTP ${answer.status}` };
        else {
          const { Status, ID } = JSON.parse(text) as { Status: string; ID: string };
          uploaded[index] = { status: Status, id: ID };
        }
      }
    };
    await Promise.all([send(), send(), send(), send()]);
    return uploaded;
  }

  async clear(): Promise<void> {
    const patients = (await (await this.fetch('/patients')).json()) as string[];
    for (const patient of patients) {
      const answer = await this.fetch(`/patients/${patient}`, { method: 'DELETE' });
      await answer.arrayBuffer();
    }
  }

  stop(): Promise<void> {
    return this.end('SIGTERM');
  }

  kill(): Promise<void> {
    return this.end('SIGKILL');
  }

  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    await this.end('SIGKILL');
    process.off('exit', this.endWithTests);
    if (!this.kept) rmSync(this.folder, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    if (signal !== 'SIGKILL') child.kill('SIGCONT'); // a frozen process hears nothing else
    await ended;
  }
}
