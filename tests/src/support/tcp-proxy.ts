/** Stands between a client and a server and does to the bytes what bad networks do. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

export interface TcpProxy {
  readonly port: number;
  /** how the next connections are treated */
  behaviour: Behaviour;
  /** how fast answers come, on connections that stand, too; undefined: as fast as they can */
  bytesPerSecond: number | undefined;
  /** connections taken so far */
  readonly connections: number;
  close(): Promise<void>;
}

export interface Behaviour {
  /** milliseconds that each piece of an answer is held back */
  readonly delayMs?: number;
  /** end the connection after so many bytes of the answer */
  readonly cutAfter?: number;
  /** end the connection when the server begins to answer a request that holds this text */
  readonly dropAnswerTo?: string;
  /** end the connection when a request holds this text, before the server hears of it */
  readonly dropRequestsWith?: string;
  /** refuse: end connections at once */
  readonly refuse?: boolean;
}

/** Bytes that go at once over a slow line. */
const paced = 1024;

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  const proxy = { behaviour: {} as Behaviour, bytesPerSecond: undefined as number | undefined, connections: 0 };
  const server = createServer((client) => {
    const behaviour = proxy.behaviour;
    proxy.connections++;
    if (behaviour.refuse === true) {
      client.destroy();
      return;
    }
    const upstream = connect(target, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    let [asked, answered] = ['', 0];
    const write = async (piece: Buffer): Promise<void> => {
      if (proxy.bytesPerSecond === undefined) return void client.write(piece);
      upstream.pause();
      for (let at = 0; at < piece.length; at += paced) {
        const part = piece.subarray(at, at + paced);
        await wait((1000 * part.length) / (proxy.bytesPerSecond ?? Infinity));
        if (client.destroyed) return;
        client.write(part);
      }
      upstream.resume();
    };
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        open.delete(socket);
        end();
      });
    }
    client.on('data', (piece) => {
      if (asked.length < 100_000) asked += piece.toString('latin1');
      if (behaviour.dropRequestsWith !== undefined && asked.includes(behaviour.dropRequestsWith)) return end();
      upstream.write(piece);
    });
    upstream.on('data', (piece) => {
      if (behaviour.dropAnswerTo !== undefined && asked.includes(behaviour.dropAnswerTo)) return end();
      const left = (behaviour.cutAfter ?? Infinity) - answered;
      answered += piece.length;
      const send = (): void => {
        void write(piece.subarray(0, Math.max(0, left)));
        if (answered >= (behaviour.cutAfter ?? Infinity)) setTimeout(end, 20);
      };
      if (behaviour.delayMs === undefined) send();
      else setTimeout(send, behaviour.delayMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get behaviour() {
      return proxy.behaviour;
    },
    set behaviour(value) {
      proxy.behaviour = value;
      // What stands belongs to how it was before.
      for (const socket of open) socket.destroy();
    },
    get bytesPerSecond() {
      return proxy.bytesPerSecond;
    },
    set bytesPerSecond(value) {
      proxy.bytesPerSecond = value;
    },
    get connections() {
      return proxy.connections;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
