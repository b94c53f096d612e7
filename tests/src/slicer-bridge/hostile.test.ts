import type { SegmenterLibrary } from '@medsam2/slicer-bridge';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { connect } from 'node:net';
import { startTestBridge, type TestBridge } from './bridge.js';
import { boxes } from './libraries.js';
import { float64, int16, int64, labelsOf, npy, npz, PlugIn, type NpyArray, type NpzForm } from './plug-in.js';

const shape = [2, 4, 6];
const voxels = (length: number): Int16Array => new Int16Array(length).map((_, i) => i * 40 - 300);
const good = (): Record<string, NpyArray | Buffer> => ({
  imgs: int16(shape, voxels(48)),
  boxes: int64([1, 4], [1, 1, 3, 3]),
  z_range: int64([3], [1, 0, 0]),
});

describe('input that no plug-in sends', () => {
  let bridge: TestBridge;
  let plugIn: PlugIn;
  beforeAll(async () => {
    bridge = await startTestBridge(boxes, {
      uploadBytes: 2 ** 20,
      volumeBytes: 2 ** 22,
      memoryBytes: 2 ** 23,
      settleSeconds: 2,
    });
    plugIn = new PlugIn({ port: bridge.port });
  });
  afterAll(() => bridge.close());

  /** The server is well: nothing is left of an upload, and the next click works. */
  async function expectWell(): Promise<void> {
    expect((await plugIn.upload(await npz(good()))).status).toBe(200);
    expect((await plugIn.run('N')).status).toBe(200);
    const labels = await labelsOf(await plugIn.download());
    expect([labels.shape, labels.message]).toEqual([shape, undefined]);
    expect(await bridge.leftovers()).toEqual([]);
  }

  /** Refused with a reason; the download of the same click is complete, empty and says the same. */
  async function expectRefused(body: Buffer, status: number, reason: RegExp): Promise<void> {
    const upload = await plugIn.upload(body);
    expect([upload.status, upload.body.toString()]).toEqual([status, expect.stringMatching(reason)]);
    expect((await plugIn.run('N')).status).toBe(status);
    const reply = await plugIn.download();
    expect(reply.status).toBe(status);
    const labels = await labelsOf(reply);
    expect(labels.message).toMatch(reason);
    expect(labels.values.some((value) => value > 0)).toBe(false);
  }

  it.each(['../../evil.npz', '/tmp/evil.npz', 'C:\\evil.npz', '..', '', 'a\\..\\..\\evil.npz', 'x'.repeat(5000)])(
    'file names are labels: %j',
    async (name) => {
      const before = readdirSync(tmpdir()).filter((entry) => entry.includes('evil'));
      await plugIn.upload(await npz(good()), name);
      await plugIn.run('N');
      await labelsOf(await plugIn.download());
      expect(readdirSync(tmpdir()).filter((entry) => entry.includes('evil'))).toEqual(before);
      await expectWell();
    },
  );

  const imgs = (array: NpyArray | Buffer): Promise<Buffer> => npz({ ...good(), imgs: array });
  const header = (shapeText: string, descr = '<i2'): Buffer => {
    const whole = npy({ descr, shape: [0], data: new Uint8Array(64) }).toString('latin1');
    return Buffer.from(whole.replace(`(0,)`, shapeText).replace(' '.repeat(shapeText.length - 4), ''), 'latin1');
  };
  it.each<[string, () => Promise<Buffer>, number, RegExp]>([
    ['no archive', () => Promise.resolve(Buffer.from('hello')), 422, /no readable npz/],
    ['nothing', () => Promise.resolve(Buffer.alloc(0)), 422, /empty/],
    ['an archive cut short', async () => (await npz(good())).subarray(0, 300), 422, /no readable npz/],
    ['an archive of nothing', () => npz({}), 422, /imgs, segs or img_size/],
    ['no boxes', () => npz({ imgs: good().imgs, z_range: good().z_range }), 422, /no array boxes/],
    [
      'pickled objects',
      () => imgs(npy({ descr: '|O', shape: [1], data: new Uint8Array(9) })),
      422,
      /pickled Python objects/,
    ],
    ['a negative size', () => imgs(header('(-1, 4, 6)')), 422, /header|shape|dimensions/],
    ['a huge size', () => imgs(header('(99999, 99999, 99999)')), 413, /above the limit/],
    ['a size beyond numbers', () => imgs(header('(9999999999999999999999, 2, 2)')), 422, /shape|dimensions/],
    ['a size that the file does not hold', () => imgs(int16([2, 4, 7], voxels(48))), 422, /cut short/],
    ['four colours', () => imgs(int16([2, 2, 3, 4], voxels(48))), 422, /shape/],
    [
      'text for boxes',
      () => npz({ ...good(), boxes: npy({ descr: '<U1', shape: [1, 4], data: new Uint8Array(16) }) }),
      422,
      /dtype/,
    ],
    ['fractions for boxes', () => npz({ ...good(), boxes: float64([1, 4], [0.5, 1, 2, 3]) }), 422, /whole number/],
    ['boxes of five numbers', () => npz({ ...good(), boxes: int64([1, 5], [1, 2, 3, 4, 5]) }), 422, /rows of 4/],
    [
      'too many boxes',
      () => npz({ ...good(), boxes: int64([300, 4], new Array<number>(1200).fill(1)) }),
      422,
      /255 are the most/,
    ],
    ['a range of NaN', () => npz({ ...good(), z_range: float64([3], [NaN, 0, 0]) }), 422, /no whole number/],
    ['fractions for labels', () => npz({ segs: float64(shape, new Float64Array(48).fill(0.5)) }), 422, /no label/],
    ['labels beyond bytes', () => npz({ segs: float64(shape, new Float64Array(48).fill(256)) }), 422, /no label/],
  ])('is refused: %s', async (_, make, status, reason) => {
    await expectRefused(await make(), status, reason);
    await expectWell();
  });

  it('a bomb is refused by its size before memory is taken', async () => {
    const bytes = 2 ** 25;
    const inflated = Buffer.concat([
      npy({ descr: '<i2', shape: [64, 512, 512], data: new Uint8Array(0) }),
      Buffer.alloc(bytes),
    ]);
    const whole = await npz({ ...good(), imgs: inflated }, { compress: true });
    expect(whole.length).toBeLessThan(2 ** 17);
    const before = process.memoryUsage.rss();
    await expectRefused(whole, 413, /above the limit/);
    expect(process.memoryUsage.rss() - before).toBeLessThan(bytes / 2);
    await expectWell();
  });

  it('an upload beyond the limit is taken to its end, so that the client gets its answer', async () => {
    await expectRefused(Buffer.alloc(5 * 2 ** 20, 1), 413, /larger than/);
    await expectWell();
  });

  it('a body without length that never ends its part is refused', async () => {
    const reply = await plugIn.send('POST', '/upload', 'no boundary', { 'Content-Type': 'multipart/form-data' });
    expect(reply.status).toBe(400);
    await plugIn.run('N');
    await plugIn.download();
    const cut = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc';
    expect(
      (await plugIn.send('POST', '/upload', cut, { 'Content-Type': 'multipart/form-data; boundary=x' })).status,
    ).toBe(400);
    await plugIn.run('N');
    await plugIn.download();
    await expectWell();
  });

  it('a connection that breaks in an upload leaves nothing', async () => {
    await new Promise<void>((resolve) => {
      const socket = connect(bridge.port, '127.0.0.1', () => {
        socket.write(
          'POST /upload HTTP/1.1\r\nHost: x\r\nUser-Agent: python-requests/2.32.3\r\nContent-Length: 100000\r\n' +
            'Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
        );
        setTimeout(() => socket.destroy(), 100);
      });
      socket.on('close', () => resolve());
    });
    await expectWell();
  });

  it('calls in the wrong order are answered, and what is downloaded can be read', async () => {
    const other = new PlugIn({ port: bridge.port, prefix: '/order' });
    const first = await other.download();
    expect([first.status, (await labelsOf(first)).shape]).toEqual([404, [1, 1, 1]]);
    expect((await other.run('N')).status).toBe(409);
    expect((await other.improve()).status).toBe(409);
    await other.upload(await npz(good()));
    expect((await other.download()).status).toBe(409);
    // a full segmentation of what is no mask, twice
    expect((await other.run('Y')).body.toString()).toMatch(/a middle mask, and a volume with boxes was uploaded/);
    expect((await other.run('N')).status).toBe(409);
    const reply = await other.download();
    expect([reply.status, (await labelsOf(reply)).shape]).toEqual([409, shape]);
    // points before any full segmentation
    await other.upload(
      await npz({
        img_size: int64([3], shape),
        bboxes: int64([1, 4], [1, 1, 3, 3]),
        zrange: int64([2], [0, 1]),
        points_addition: int64([1, 3], [1, 1, 0]),
        points_subtraction: float64([0], []),
      }),
    );
    expect((await other.improve()).body.toString()).toMatch(/No full segmentation/);
    await other.download();
    expect((await other.send('GET', '/upload', '')).status).toBe(405);
    expect((await other.send('GET', '/elsewhere', '')).status).toBe(404);
    await expectWell();
  });

  it('fields that are paths, prototypes or far too long change nothing', async () => {
    for (const checkpoint of ['../../etc/passwd', '/etc/passwd', '__proto__', 'x'.repeat(8000)]) {
      await plugIn.upload(await npz(good()));
      expect((await plugIn.run('N', checkpoint)).status).toBe(200);
      await plugIn.download();
    }
    const endless = await plugIn.form('POST', '/run_script', { checkpoint: 'x'.repeat(100_000) });
    expect(endless.status).toBe(400);
    await expectWell();
  });

  it('models and configurations of clients are taken to their end and not used', async () => {
    expect((await plugIn.upload(Buffer.alloc(1000), 'm.pt', '/upload_model')).status).toBe(403);
    expect((await plugIn.upload(Buffer.from('!!python/object'), 'c.yaml', '/upload_config')).status).toBe(200);
    await expectWell();
  });
});

describe('every form of array that the plug-in can send', () => {
  const numbers = Array.from({ length: 48 }, (_, i) => (i * 5) % 120);
  const view = (array: { buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(array.buffer);
  const types: Record<string, Uint8Array> = {
    '|b1': Uint8Array.from(numbers, (value) => value & 1),
    '|i1': view(Int8Array.from(numbers)),
    '|u1': Uint8Array.from(numbers),
    '<i2': view(Int16Array.from(numbers)),
    '<u2': view(Uint16Array.from(numbers)),
    '>i2': new Uint8Array(Buffer.from(view(Int16Array.from(numbers))).swap16()),
    '<i4': view(Int32Array.from(numbers)),
    '<u4': view(Uint32Array.from(numbers)),
    '<i8': view(BigInt64Array.from(numbers, BigInt)),
    '<u8': view(BigUint64Array.from(numbers, BigInt)),
    '<f4': view(Float32Array.from(numbers)),
    '<f8': view(Float64Array.from(numbers)),
  };
  let bridge: TestBridge;
  const images: number[][] = [];
  beforeAll(async () => {
    const recorded: SegmenterLibrary = {
      ...boxes,
      get: async () => {
        const inner = await boxes.get();
        return {
          ...inner,
          open: (stack) => {
            images.push([...stack.image(0), ...stack.image(1)]);
            return inner.open(stack);
          },
        };
      },
    };
    bridge = await startTestBridge(recorded);
  });
  afterAll(() => bridge.close());

  async function expectRead(imgs: NpyArray, form: NpzForm, expected: readonly number[]): Promise<void> {
    const plugIn = new PlugIn({ port: bridge.port, prefix: `/${images.length}` });
    await plugIn.upload(await npz({ ...good(), imgs }, form));
    expect((await plugIn.run('N')).status).toBe(200);
    expect((await labelsOf(await plugIn.download())).shape).toEqual(shape);
    expect(images.at(-1)).toEqual(expected);
  }

  it.each(Object.keys(types))('%s', async (descr) => {
    const expected = descr === '|b1' ? numbers.map((value) => value & 1) : numbers;
    await expectRead({ descr, shape, data: types[descr] }, {}, expected);
  });

  it.each<NpzForm>([{ compress: true }, { zip64: true }, { compress: true, zip64: true }])('%j', async (form) => {
    await expectRead({ descr: '<i2', shape, data: types['<i2'] }, form, numbers);
  });

  it('colours', async () => {
    const colours = Uint8Array.from({ length: 144 }, (_, i) => i);
    await expectRead({ descr: '|u1', shape: [...shape, 3], data: colours }, {}, [...colours]);
  });

  it('Fortran order', async () => {
    const [depth, height, width] = shape;
    const turned = numbers.map((_, at) => {
      const [d, h, w] = [at % depth, Math.floor(at / depth) % height, Math.floor(at / (depth * height))];
      return numbers[(d * height + h) * width + w];
    });
    await expectRead({ descr: '<i2', shape, data: view(Int16Array.from(turned)), fortran: true }, {}, numbers);
  });
});
