/**
 * Thread entry for tests: the real worker, until a file says otherwise. The file lies in the temporary folder, is named
 * after this process and reads `OPERATION COUNT HOW`: at the COUNTth request of that kind from now on, the file is
 * removed (so that the next worker is sound) and the thread ends, by `exit` or by `throw`.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import '../worker.js';
import type { WorkerRequest } from '../protocol.js';

const order = join(tmpdir(), `medsam2-faulty-worker-${process.pid}`);
let seen = 0;

parentPort?.on('message', ({ operation }: WorkerRequest) => {
  if (!existsSync(order)) return;
  const [wanted, count, how] = readFileSync(order, 'utf8').split(' ');
  if (operation !== wanted || ++seen < Number(count)) return;
  rmSync(order);
  if (how === 'exit') process.exit(3);
  throw new Error('the test broke this worker\nwith a second line');
});
