/** Thread entry: runs the graphs of one model on one device, one request at a time. */
import * as onnxruntime from 'onnxruntime-node';
import { parentPort } from 'node:worker_threads';
import { GraphHost } from './graph-host.js';
import type { WorkerRequest, WorkerResponse } from './protocol.js';

const port = parentPort;
if (port === null) throw new Error('worker.js runs as a worker thread only');

let host: GraphHost | undefined;

async function handle(message: WorkerRequest): Promise<Extract<WorkerResponse, { ok: true }>['response']> {
  if (message.operation === 'load') {
    await host?.close();
    host = await GraphHost.load(onnxruntime, message.request);
    return null;
  }
  if (host === undefined) throw new Error('no model is loaded');
  switch (message.operation) {
    case 'encode':
      return host.encode(message.request);
    case 'attend':
      return host.attend(message.request);
    case 'decode':
      return host.decode(message.request);
    case 'encodeMemory':
      return host.encodeMemory(message.request);
    case 'release':
      host.release(message.request);
      return null;
    case 'kept':
      return host.keptCount;
    case 'close':
      await host.close();
      host = undefined;
      return null;
  }
}

function answer(message: WorkerRequest): Promise<void> {
  return handle(message).then(
    (response) => port?.postMessage({ id: message.id, ok: true, response } satisfies WorkerResponse),
    (error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      port?.postMessage({ id: message.id, ok: false, message: text } satisfies WorkerResponse);
    },
  );
}

// The runtime starts a run in a later turn of the event loop: a release or a close that slipped in between would take
// its tensors or its session away.
let turn: Promise<void> = Promise.resolve();
port.on('message', (message: WorkerRequest) => {
  turn = turn.then(() => answer(message));
});
