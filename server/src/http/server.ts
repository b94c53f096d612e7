import { UserError } from '@medsam2/models';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Config } from '../config/index.js';
import { systemCode } from '../durable/private-files.js';

const maxHeaderBytes = 32 * 1024;
const idleMs = 65_000;
const mostConnections = 10_000;

export interface Listening {
  readonly address: AddressInfo;
  /**
   * Takes no more connections, lets requests that run end for `graceMs`, then ends them. Streams are ended before, by the
   * signal that the application was given.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Listens. The limits on headers, idle and slow connections stand here: a connection that does nothing costs little, but
 * not for ever.
 *
 * @throws UserError `cannot-listen`
 */
export async function listen(
  app: RequestListener,
  { host, port, headersSeconds, requestSeconds }: Config['http'],
): Promise<Listening> {
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersSeconds * 1000,
      requestTimeout: requestSeconds * 1000,
      keepAliveTimeout: idleMs,
      // two Host headers, or none, are an attack on whatever stands before this server
      requireHostHeader: true,
    },
    app,
  );
  server.maxConnections = mostConnections;
  const connections = watchConnections(server);
  await opened(server, host.replace(/^\[(.*)\]$/, '$1'), port);
  return {
    address: server.address() as AddressInfo,
    close: (graceMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), graceMs);
        const unused = setInterval(() => connections.endUnused(), 50);
        server.close(() => {
          clearTimeout(timer);
          clearInterval(unused);
          resolve();
        });
      }),
  };
}

/**
 * Knows which connections have a request in work. Node's own `closeIdleConnections` spares those on which nothing was sent
 * yet, which browsers open in advance: they would hold up the end for as long as headers may take.
 */
function watchConnections(server: Server): { endUnused(this: void): void } {
  const working = new Map<Socket, number>();
  const count = (socket: Socket, change: number): void => {
    const before = working.get(socket);
    if (before !== undefined) working.set(socket, before + change);
  };
  server.on('connection', (socket) => {
    working.set(socket, 0);
    socket.once('close', () => working.delete(socket));
  });
  server.prependListener('request', ({ socket }, response) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });
  return {
    endUnused: () => {
      for (const [socket, requests] of working) if (requests === 0) socket.destroy();
    },
  };
}

function opened(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const code = systemCode(error) ?? 'unknown reason';
      const remedy =
        code === 'EADDRINUSE' ? 'Choose another port (PORT), or stop what uses it.' : 'Check HOST and PORT.';
      reject(
        new UserError('cannot-listen', `The server cannot listen on ${host}:${port} (${code}).`, remedy, {
          cause: error,
        }),
      );
    });
    server.listen(port, host, () => resolve());
  });
}
