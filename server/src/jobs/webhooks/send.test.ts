import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allowedWebhook, isPrivateAddress } from './allow-list.js';
import { sendWebhook, signatureOf } from './send.js';

const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error;

describe('allowedWebhook', () => {
  const rules = {
    hosts: ['hooks.example.org', 'other.example:8443', 'http://inside.example:9000'],
    allowPrivate: false,
  };

  it.each([
    'https://hooks.example.org/a?b=c',
    'https://HOOKS.example.org:443/',
    'https://other.example:8443/x',
    'http://inside.example:9000/',
  ])('allows %s', (address) => {
    expect(allowedWebhook(address, rules).href).toMatch(/^https?:/);
  });

  it.each([
    'http://hooks.example.org/',
    'https://hooks.example.org:8443/',
    'https://hooks.example.org.evil.example/',
    'https://evil.example/hooks.example.org',
    'https://sub.hooks.example.org/',
    'https://user:word@hooks.example.org/',
    'https://hooks.example.org@evil.example/',
    'https://inside.example:9000/',
    'https://other.example/',
    'ftp://hooks.example.org/',
    'file:///etc/passwd',
    'hooks.example.org',
    '',
  ])('refuses %s', (address) => {
    expect(() => allowedWebhook(address, rules)).toThrow(code('webhook-not-allowed'));
  });
});

describe('isPrivateAddress', () => {
  it.each([
    '127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1',
    '255.255.255.255', '::1', '::', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12:3456::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1',
    '64:ff9b::10.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', '2002:a00:1::1', '[::1]', 'no address',
  ])('%s', (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  }); // prettier-ignore

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'])(
    'not %s',
    (address) => {
      expect(isPrivateAddress(address)).toBe(false);
    },
  );
});

describe('sendWebhook', () => {
  const open: Server[] = [];
  afterEach(() => open.splice(0).forEach((server) => server.close()));

  async function listen(server: Server): Promise<number> {
    open.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }
  const received: { request: IncomingMessage; text: string }[] = [];
  beforeEach(() => received.splice(0));
  const answer =
    (status: number): RequestListener =>
    (request, response) => {
      let text = '';
      request.on('data', (piece: Buffer) => (text += piece.toString()));
      request.on('end', () => {
        received.push({ request, text });
        response.writeHead(status, { location: '/elsewhere' }).end();
      });
    };
  const call = (address: string, more: object = {}) => ({
    address,
    body: '{"a":1}',
    time: 1700000000,
    timeoutMs: 2000,
    ...more,
  });
  const rules = (port: number, allowPrivate = true) => ({
    hosts: [`http://127.0.0.1:${port}`, `http://localhost:${port}`],
    allowPrivate,
  });

  it('signs body and time', async () => {
    const port = await listen(createHttp(answer(200)));
    await sendWebhook(call(`http://127.0.0.1:${port}/x`, { secret: 's' }), rules(port));
    const [{ request, text }] = received;
    expect(request).toMatchObject({ method: 'POST', url: '/x' });
    expect(request.headers['medsam2-signature']).toBe(signatureOf(text, 's', 1700000000));
    expect(signatureOf(text, 's', 1700000000)).not.toBe(signatureOf(text, 's', 1700000001));
    expect(signatureOf(text, 's', 1700000000)).not.toBe(signatureOf(`${text} `, 's', 1700000000));
  });

  it.each([301, 302, 307, 404, 500])('does not follow or accept %i', async (status) => {
    const port = await listen(createHttp(answer(status)));
    await expect(sendWebhook(call(`http://127.0.0.1:${port}/`), rules(port))).rejects.toThrow(code('webhook-failed'));
    expect(received.map(({ request }) => request.url)).toEqual(['/']);
  });

  it('connects neither to private addresses nor to names that resolve to them', async () => {
    const port = await listen(createHttp(answer(200)));
    for (const host of ['127.0.0.1', 'localhost']) {
      const attempt = sendWebhook(call(`http://${host}:${port}/`), rules(port, false));
      await expect(attempt).rejects.toThrow(code('webhook-not-allowed'));
    }
    expect(received).toEqual([]);
  });

  it('gives up a receiver that says nothing, and one that is not there', async () => {
    const port = await listen(createHttp(() => undefined));
    await expect(sendWebhook(call(`http://127.0.0.1:${port}/`, { timeoutMs: 100 }), rules(port))).rejects.toThrow(
      /no answer in time/,
    );
    await expect(sendWebhook(call('http://127.0.0.1:1/'), rules(1))).rejects.toThrow(/ECONNREFUSED/);
  });

  it('wants a certificate that it can trust', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'medsam2-tls-'));
    try {
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2', ...subject], { stdio: 'ignore' }); // prettier-ignore
      const ca = readFileSync(cert, 'utf8');
      const port = await listen(createHttps({ key: readFileSync(key), cert: ca }, answer(204)));
      const secure = { hosts: [`localhost:${port}`], allowPrivate: true };
      const address = `https://localhost:${port}/`;
      await expect(sendWebhook(call(address), secure)).rejects.toThrow(/SELF_SIGNED_CERT|DEPTH_ZERO/);
      expect(received).toEqual([]);
      await sendWebhook(call(address, { ca }), secure);
      expect(received.length).toBe(1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
