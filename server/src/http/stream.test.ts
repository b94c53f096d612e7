import type { StreamEvent } from '@medsam2/protocol';
import { StreamDecoder } from '@medsam2/protocol';
import express from 'express';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeEvents } from './stream.js';

const big: StreamEvent = { header: { type: 'ping' }, payload: new Uint8Array(64 * 1024) };

describe('writing events', () => {
  let server: Server;
  let stopping: AbortController;
  let written: Promise<void>;
  let produced: number;
  let events: () => AsyncIterable<StreamEvent>;
  let stallMs: number;
  beforeEach(async () => {
    stopping = new AbortController();
    produced = 0;
    stallMs = 60_000;
    const app = express();
    app.get('/', (_request, response) => {
      response.flushHeaders();
      written = writeEvents(response, events(), { pingMs: 20, stopping: stopping.signal, stallMs });
      // told by the test
      written.catch(() => undefined);
    });
    server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const open = (): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }, resolve)
        .on('error', reject)
        .end();
    });
  // eslint-disable-next-line @typescript-eslint/require-await -- events are there at once
  async function* many(count: number): AsyncGenerator<StreamEvent> {
    for (; produced < count; produced++) yield big;
  }
  async function* waiting(): AsyncGenerator<StreamEvent> {
    yield big;
    await new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
  }
  async function read(incoming: IncomingMessage): Promise<StreamEvent[]> {
    const decoder = new StreamDecoder();
    const heard: StreamEvent[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) heard.push(...decoder.push(chunk));
    return heard;
  }

  it('waits for a slow client instead of filling memory', async () => {
    events = () => many(1000);
    const incoming = await open();
    incoming.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    // what the system's buffers take, far from the 64 MiB there are
    expect(produced).toBeLessThan(500);
    const heard = await read(incoming);
    expect(heard.filter(({ payload }) => payload.length > 0)).toHaveLength(1000);
    await written;
  });

  it('cuts off a client that takes nothing', async () => {
    stallMs = 100;
    events = () => many(1000);
    const incoming = await open();
    incoming.pause();
    incoming.on('error', () => undefined);
    await written;
    expect(produced).toBeLessThan(1000);
  });

  it('says that it stops', async () => {
    events = waiting;
    const heard = read(await open());
    await new Promise((resolve) => setTimeout(resolve, 50));
    stopping.abort();
    expect((await heard).at(-1)?.header).toEqual({ type: 'closed', reason: 'server-stopping' });
    await written;
  });

  it('says that something failed, and keeps what it was for the log', async () => {
    events = async function* () {
      yield big;
      await Promise.resolve();
      throw new Error('what it was');
    };
    const heard = await read(await open());
    expect(heard.at(-1)?.header).toEqual({ type: 'closed', reason: 'failed' });
    await expect(written).rejects.toThrow('what it was');
  });
});
