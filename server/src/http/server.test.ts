import { connect } from 'node:net';
import { configSchema } from '../config/index.js';
import { listen, type Listening } from './server.js';

const { http } = configSchema.parse({ http: { port: 0, headersSeconds: 1 } });

/** Sends text on a connection of its own. @returns all that came back, once the connection is closed */
function speak(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => (heard += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard));
  });
}

describe('listening', () => {
  let listening: Listening;
  let release: () => void;
  beforeEach(async () => {
    const released = new Promise<void>((resolve) => (release = resolve));
    listening = await listen((request, response) => {
      if (request.url !== '/slow') return response.end('quick');
      void released.then(() => response.end('slow but whole'));
    }, http);
  });
  afterEach(() => {
    release();
    return listening.close(0);
  });

  it('lets requests in work end, and closes connections that have none, also those never used', async () => {
    const { port } = listening.address;
    const slow = speak(port, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    const kept = speak(port, 'GET /quick HTTP/1.1\r\nHost: x\r\n\r\n');
    const unused = speak(port, '');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const closed = listening.close(30_000);
    await unused;
    expect(await kept).toContain('quick');
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    release();
    expect(await slow).toContain('slow but whole');
    await closed;
  });

  it('ends what takes too long', async () => {
    const slow = speak(listening.address.port, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    await listening.close(50);
    expect(await slow).toBe('');
  });

  it('refuses what is no proper HTTP', async () => {
    const { port } = listening.address;
    expect(await speak(port, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/);
    expect(await speak(port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431/,
    );
    const smuggled = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    expect(await speak(port, smuggled)).toMatch(/^HTTP\/1\.1 400/);
  });

  it('says why it cannot listen', async () => {
    await expect(listen(() => undefined, { ...http, port: listening.address.port })).rejects.toMatchObject({
      code: 'cannot-listen',
      message: expect.stringContaining('EADDRINUSE') as string,
    });
  });
});
