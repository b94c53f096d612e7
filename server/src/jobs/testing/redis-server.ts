/** A real Redis for tests: private, on a free port, with a password, keeping nothing on disk. */
import { Redis } from 'ioredis';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RedisServer {
  /** redis:// with password */
  readonly url: string;
  readonly password: string;
  /** Freezes the process: connections stay, nothing is answered. */
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

/** Whether redis-server is installed; without it tests skip with a printed reason, and fail where `CI` is `true`. */
export function hasRedis(): boolean {
  if (spawnSync('redis-server', ['--version']).status === 0) return true;
  if (process.env.CI === 'true') throw new Error('redis-server is not installed; in CI the tests with it must run');
  process.stderr.write('skipped: tests with Redis (install the Debian package redis-server)\n');
  return false;
}

export async function startRedis(): Promise<RedisServer> {
  const password = randomBytes(12).toString('hex');
  const port = await freePort();
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()];
  const child = spawn('redis-server', [...settings, '--requirepass', password], { stdio: 'ignore' });
  const url = `redis://:${password}@127.0.0.1:${port}`;
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  await answering(url, child);
  return {
    url,
    password,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async close() {
      process.off('exit', end);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  for (let left = 200; left > 0 && child.exitCode === null; left--) {
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.ping();
      return;
    } catch {
      await sleep(50);
    } finally {
      client.disconnect();
    }
  }
  throw new Error('redis-server does not start');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
