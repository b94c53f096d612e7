/** Stands between a client and a server and does to the bytes what bad networks do. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** how the next connections are treated */
  behaviour: Behaviour;
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

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  const proxy = { behaviour: {} as Behaviour, connections: 0 };
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
        client.write(piece.subarray(0, Math.max(0, left)));
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
    get connections() {
      return proxy.connections;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
