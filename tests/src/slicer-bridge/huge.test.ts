import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import yazl from 'yazl';
import { repositoryRoot } from '../support/root.js';
import { int16, int64, labelsOf, npy, npz, PlugIn } from './plug-in.js';

const mebibyte = 2 ** 20;
/** Of int16: one slice more than 2 GiB, which is the limit on a volume. */
const hugeShape = [4097, 512, 512] as const;
const piece = Buffer.alloc(mebibyte, 7);

function* hugeArray(): Generator<Buffer> {
  yield npy({ descr: '<i2', shape: hugeShape, data: new Uint8Array(0) });
  for (let left = 2 * hugeShape[0] * hugeShape[1] * hugeShape[2]; left > 0; left -= piece.length)
    yield left >= piece.length ? piece : piece.subarray(0, left);
}

/** An npz of 2 GiB and more, made while it is sent: stored, as the plug-in writes it. */
function hugeUpload(): Readable {
  const zip = new yazl.ZipFile();
  const options = { compress: false, forceZip64Format: true, mtime: new Date(1980, 0, 1) };
  zip.addReadStream(Readable.from(hugeArray()), 'imgs.npy', options);
  zip.addBuffer(npy(int64([1, 4], [1, 1, 9, 9])), 'boxes.npy', options);
  zip.addBuffer(npy(int64([3], [0, 9, 4])), 'z_range.npy', options);
  zip.end();
  return zip.outputStream as Readable;
}

async function* multipart(file: Readable): AsyncGenerator<Buffer> {
  yield Buffer.from('--x\r\nContent-Disposition: form-data; name="file"; filename="img_data.npz"\r\n\r\n');
  for await (const chunk of file) yield chunk as Buffer;
  yield Buffer.from('\r\n--x--\r\n');
}

describe('an upload of more than 2 GiB to the real program', () => {
  let folder: string;
  let server: ChildProcess;
  let port: number;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'medsam2-huge-'));
    const program = join(repositoryRoot(), 'server', 'bin', 'medsam2.js');
    server = spawn(process.execPath, [program, 'slicer-bridge', '--port', '0'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, TMPDIR: folder, MEDSAM2_MODELS_DIR: join(folder, 'models') },
    });
    port = await new Promise((resolve, reject) => {
      let said = '';
      server.once('exit', () => reject(new Error('the bridge ended')));
      server.stdout?.on('data', (text: Buffer) => {
        said += text.toString();
        const [, digits] = /Port = (\d+)/.exec(said) ?? [];
        if (digits !== undefined) resolve(Number(digits));
      });
    });
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });

  /** of the server, in MiB; Linux alone says it */
  const peak = (): number | undefined =>
    process.platform === 'linux'
      ? Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024
      : undefined;

  const files = async (): Promise<string[]> =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('models'))
      .map((entry) => join(entry.parentPath, entry.name));

  async function click(plugIn: PlugIn): Promise<number> {
    const shape = [2, 32, 32];
    const voxels = Int16Array.from({ length: 2048 }, (_, i) => (i % 32 > 8 && i % 32 < 24 ? 200 : 0));
    const boxes = int64([1, 4], [8, 8, 24, 31]);
    await plugIn.upload(await npz({ imgs: int16(shape, voxels), boxes, z_range: int64([3], [0, 1, 0]) }));
    await plugIn.run('N');
    const reply = await plugIn.download();
    expect((await labelsOf(reply)).shape).toEqual(shape);
    return reply.status;
  }

  it('is refused with a reason; memory stays bounded, nothing is left, and the next click is served', async () => {
    const plugIn = new PlugIn({ port });
    expect(await click(plugIn)).toBe(200);
    const before = peak();
    const seen = new Set<string>();
    const watch = setInterval(() => void files().then((found) => found.forEach((name) => seen.add(name))), 200);
    let sent = 0;
    const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const sending = request(
        {
          host: '127.0.0.1',
          port,
          method: 'POST',
          path: '/upload',
          agent: false,
          headers: {
            'User-Agent': 'python-requests/2.32.3',
            'Content-Type': 'multipart/form-data; boundary=x',
          },
        },
        (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (text: string) => (body += text));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        },
      );
      const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
        for await (const chunk of chunks) {
          sent += chunk.length;
          yield chunk;
        }
      };
      pipeline(multipart(hugeUpload()), counted, sending).catch(reject);
    });
    clearInterval(watch);
    expect(sent).toBeGreaterThan(2 ** 31);
    expect(answer).toEqual({ status: 413, body: expect.stringMatching(/above the limit of 2147483648/) as string });
    const after = peak();
    if (before !== undefined && after !== undefined) {
      process.stderr.write(`2 GiB cost the bridge ${Math.round(after - before)} MiB of memory\n`);
      expect(after - before).toBeLessThan(256);
    }
    // one private file while it came, none now
    expect(seen.size).toBe(1);
    expect([...seen][0]).toMatch(/medsam2-slicer-[^/]+\/[0-9a-f-]{36}$/);
    expect(await files()).toEqual([]);
    expect((await plugIn.run('N')).status).toBe(413);
    expect((await plugIn.download()).status).toBe(413);
    expect(await click(plugIn)).toBe(200);
  });
});
