import { startMonaiLabel, startNnInteractive } from '@medsam2/server';
import type { LogFields, RunningBridge } from '@medsam2/slicer-bridge';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { brightPixels } from './libraries.js';
import { int16, npy, PlugIn, type NpyArray, type Reply } from './plug-in.js';

const shape = [3, 8, 8];
const area = 64;
/** Some pixels above the rest, the same on every slice. */
const voxels = (bright: readonly number[]): Int16Array =>
  Int16Array.from({ length: 3 * area }, (_, i) => (bright.includes(i % area) ? 200 : 0));
const mask = (filled: readonly number[], of = shape): NpyArray => ({
  descr: '|b1',
  shape: of,
  data: Uint8Array.from({ length: of.reduce((a, b) => a * b, 1) }, (_, i) => Number(filled.includes(i))),
});

interface Line extends LogFields {
  readonly message: string;
}

describe('requests that no module sends', () => {
  let uploads: string;
  let nn: RunningBridge;
  let monai: RunningBridge;
  const log: Line[] = [];
  beforeAll(async () => {
    uploads = await mkdtemp(join(tmpdir(), 'medsam2-prompted-hostile-'));
    const note = (message: string, fields: LogFields): void => void log.push({ message, ...fields });
    const deps = { segmenters: brightPixels, log: { info: note, warn: note, error: note }, temporaryFolder: uploads };
    const settings = {
      port: 0,
      listen: 'loopback' as const,
      uploadBytes: 2 ** 20,
      volumeBytes: 2 ** 22,
      memoryBytes: 8000,
    };
    nn = await startNnInteractive(deps, settings);
    monai = await startMonaiLabel(deps, settings);
  });
  afterAll(async () => {
    await nn.close();
    await monai.close();
    expect(await readdir(uploads)).toEqual([]);
    await rm(uploads, { recursive: true });
  });

  const leftovers = async (): Promise<string[]> =>
    (await readdir(uploads, { recursive: true })).filter((name) => name.includes('/'));

  class Module {
    private readonly plugIn: PlugIn;
    constructor(prefix: string) {
      this.plugIn = new PlugIn({ port: nn.port, prefix });
    }
    image(array: NpyArray | Buffer = int16(shape, voxels([5, 6]))): Promise<Reply> {
      return this.plugIn.upload(Buffer.isBuffer(array) ? array : npy(array), 'volume.npy', '/upload_image');
    }
    segment(array: NpyArray | Buffer): Promise<Reply> {
      const body = Buffer.isBuffer(array) ? array : gzipSync(npy(array));
      return this.plugIn.upload(body, 'volume.npy.gz', '/upload_segment');
    }
    json(path: string, body: unknown, headers = {}): Promise<Reply> {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      return this.plugIn.send('POST', path, text, { 'Content-Type': 'application/json', ...headers });
    }
    box(): Promise<Reply> {
      const corners = { outer_point_one: [1, 0, 0], outer_point_two: [1, 7, 7] };
      return this.json('/add_bbox_interaction', { ...corners, positive_click: true });
    }
    send(method: string, path: string): Promise<Reply> {
      return this.plugIn.send(method, path, '');
    }
  }

  /** voxels of a slice that an answer shows */
  function shown({ status, body }: Reply, slice: number): number[] {
    expect(status).toBe(200);
    const bits = gunzipSync(body);
    expect(bits).toHaveLength((3 * area) / 8);
    return Array.from({ length: area }, (_, i) => i).filter(
      (i) => (bits[(slice * area + i) >> 3] & (0x80 >> ((slice * area + i) % 8))) !== 0,
    );
  }
  const said = ({ body }: Reply): unknown => JSON.parse(body.toString());

  it('nnInteractive: what is on the wire is every bit in its place, and nobody gets another’s', async () => {
    const [alice, bob] = [new Module('/u/alice'), new Module('/u/bob')];
    expect((await alice.image()).status).toBe(200);
    expect((await bob.image(int16(shape, voxels([0, 63])))).status).toBe(200);
    const [a, b] = await Promise.all([alice.box(), bob.box()]);
    for (const slice of [0, 1, 2])
      expect([shown(a, slice), shown(b, slice)]).toEqual([
        [5, 6],
        [0, 63],
      ]);
  });

  it('nnInteractive: a volume that made room for others is asked for again', async () => {
    const first = new Module('/u/first');
    expect(said(await first.image())).toEqual({ status: 'ok' });
    for (let i = 0; i < 8; i++) expect(said(await new Module(`/u/other-${i}`).image())).toEqual({ status: 'ok' });
    expect(said(await first.box())).toEqual({ status: 'error', message: 'No image uploaded' });
    expect(said(await first.image())).toEqual({ status: 'ok' });
    expect(shown(await first.box(), 1)).toEqual([5, 6]);
  });

  const huge = Buffer.from(
    npy({ descr: '<i2', shape: [0], data: new Uint8Array(64) })
      .toString('latin1')
      .replace('(0,)', '(99999, 99999, 99999)')
      .replace(' '.repeat(17), ''),
    'latin1',
  );
  it.each<[string, (module: Module) => Promise<Reply>, number, RegExp]>([
    ['no array', (one) => one.image(Buffer.from('hello')), 200, /cut short|magic/],
    ['pickled objects', (one) => one.image(npy({ descr: '|O', shape: [1], data: new Uint8Array(9) })), 200, /pickled/],
    ['a huge size', (one) => one.image(huge), 200, /above the limit/],
    ['no volume', (one) => one.image(int16([8, 8], new Int16Array(64))), 200, /shape/],
    ['an array cut short', (one) => one.image(npy(int16(shape, voxels([1]))).subarray(0, 200)), 200, /cut short/],
    ['too much', (one) => one.image(Buffer.alloc(2 ** 21)), 200, /larger than/],
    ['more than all may hold', (one) => one.image(int16([30, 8, 8], new Int16Array(1920))), 200, /do not fit/],
    ['a mask of another size', (one) => one.segment(mask([1], [3, 8, 9])), 200, /shape/],
    [
      'a mask that is no gzip',
      (one) => one.segment(Buffer.from('no gzip at all')),
      200,
      /corrupt|damaged|cut short|decompress/,
    ],
    [
      'a bomb',
      (one) =>
        one.segment(
          gzipSync(
            Buffer.concat([
              npy({ descr: '|b1', shape: [64, 1024, 1024], data: new Uint8Array(0) }),
              Buffer.alloc(2 ** 26),
            ]),
          ),
        ),
      200,
      /shape|limit/,
    ],
    ['no JSON', (one) => one.json('/add_point_interaction', '{'), 400, /cannot be read/],
    [
      'no point',
      (one) => one.json('/add_point_interaction', { voxel_coord: [1, 2], positive_click: true }),
      400,
      /cannot be read/,
    ],
    [
      'a point of fractions',
      (one) => one.json('/add_point_interaction', { voxel_coord: [1, 2.5, 1], positive_click: true }),
      400,
      /cannot be read/,
    ],
    [
      'a point outside',
      (one) => one.json('/add_point_interaction', { voxel_coord: [3, 0, 0], positive_click: true }),
      200,
      /outside/,
    ],
    [
      'a web page',
      (one) => one.json('/add_point_interaction', {}, { Origin: 'https://elsewhere.example' }),
      403,
      /web pages/,
    ],
    ['another method', (one) => one.send('PUT', '/upload_image'), 405, /POST/],
  ])('nnInteractive: %s', async (_, ask, status, reason) => {
    const module = new Module('/u/hostile');
    await module.image();
    const reply = await ask(module);
    expect([reply.status, said(reply)]).toEqual([
      status,
      { status: 'error', message: expect.stringMatching(reason) as string },
    ]);
    expect(JSON.stringify(said(reply))).not.toContain(uploads);
    // what was there before is as it was
    expect(shown(await module.box(), 1)).toEqual([5, 6]);
    expect(await leftovers()).toEqual([]);
  });

  it('nnInteractive: a connection that breaks in an upload holds nobody up', async () => {
    const module = new Module('');
    await module.image();
    await new Promise<void>((resolve) => {
      const socket = connect(nn.port, '127.0.0.1', () => {
        socket.write(
          'POST /upload_segment HTTP/1.1\r\nHost: x\r\nUser-Agent: python-requests/2.32.3\r\nContent-Length: 100000\r\n' +
            'Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
        );
        setTimeout(() => socket.destroy(), 100);
      });
      socket.on('close', () => resolve());
    });
    expect(shown(await module.box(), 1)).toEqual([5, 6]);
    expect(await leftovers()).toEqual([]);
  });

  it('nnInteractive: says that it is there', async () => {
    expect((await new Module('').send('GET', '/')).status).toBe(200);
    expect((await new Module('').send('GET', '/elsewhere')).status).toBe(404);
  });

  const at = (path: string): string => `http://127.0.0.1:${monai.port}${path}`;
  async function session(content: string | Buffer, path = '/session/'): Promise<[number, Record<string, unknown>]> {
    const form = new FormData();
    form.append('files', new Blob([new Uint8Array(Buffer.from(content))]), '../../x.nii.gz');
    const reply = await fetch(at(path), { method: 'PUT', body: form });
    return [reply.status, (await reply.json()) as Record<string, unknown>];
  }
  const nrrd = (extra: string, data: Uint8Array = new Uint8Array(3 * area)): Buffer =>
    Buffer.concat([
      Buffer.from(`NRRD0004\ntype: uint8\ndimension: 3\nsizes: 8 8 3\nencoding: raw\nendian: little\n${extra}\n`),
      data,
    ]);
  async function infer(id: string, params: string, path = ''): Promise<[number, unknown]> {
    const form = new FormData();
    form.append('params', params);
    const reply = await fetch(at(`${path}/infer/bright?image=x&session_id=${id}`), { method: 'POST', body: form });
    const isForm = reply.headers.get('content-type')?.startsWith('multipart') === true;
    return [reply.status, isForm ? await reply.text() : await reply.json()];
  }

  it('MONAI Label: files that are no image are refused, and none is read that a header names', async () => {
    expect(await session('hello')).toEqual([422, { detail: expect.any(String) as string }]);
    expect(await session('')).toEqual([422, { detail: expect.any(String) as string }]);
    const [status, { detail }] = await session(nrrd('data file: /etc/passwd\n'));
    expect([status, detail]).toEqual([422, expect.stringMatching(/outside its own folder/)]);
    expect(String(detail)).not.toContain(uploads);
    expect((await session(Buffer.alloc(2 ** 21)))[0]).toBe(413);
    expect(await leftovers()).toEqual([]);
  });

  it('MONAI Label: parameters that are none, other sessions and other calls are refused', async () => {
    const [status, { session_id: id }] = await session(nrrd(''), '/u/alice/session/');
    expect(status).toBe(200);
    const good = JSON.stringify({ foreground: [[1, 1, 1]] });
    expect((await infer(String(id), 'no JSON', '/u/alice'))[0]).toBe(422);
    expect((await infer(String(id), JSON.stringify({ foreground: 'x' }), '/u/alice'))[0]).toBe(422);
    expect((await infer(String(id), JSON.stringify({ foreground: [[99, 1, 1]] }), '/u/alice'))[0]).toBe(422);
    expect((await infer(String(id), 'x'.repeat(300_000), '/u/alice'))[0]).toBe(400);
    expect((await infer(String(id), good, '/u/bob'))[0]).toBe(404);
    expect((await infer('../../etc/passwd', good, '/u/alice'))[0]).toBe(404);
    expect((await fetch(at('/datastore/label?image=x'), { method: 'PUT', body: 'x' })).status).toBe(404);
    expect((await fetch(at('/train/x'), { method: 'POST', body: '{}' })).status).toBe(404);
    expect((await fetch(at('/info/'), { headers: { Origin: 'https://elsewhere.example' } })).status).toBe(403);
    expect(log.filter(({ code }) => code === 'internal')).toEqual([]);
  });
});
