import { UserError } from '@medsam2/models';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RequestListener } from 'node:http';
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
  await opened(server, host.replace(/^\[(.*)\]$/, '$1'), port);
  return {
    address: server.address() as AddressInfo,
    close: (graceMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
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
