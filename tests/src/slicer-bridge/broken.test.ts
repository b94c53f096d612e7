import { connect, type Socket } from 'node:net';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestBridge } from './bridge.js';
import { boxes } from './libraries.js';
import { float64, int16, int64, labelsOf, npz, PlugIn } from './plug-in.js';

const shape = [2, 16, 16];
const voxels = (offset: number): Int16Array => Int16Array.from({ length: 512 }, (_, i) => i + offset);
const image = (offset = 0): Promise<Buffer> =>
  npz({
    imgs: int16(shape, voxels(offset)),
    boxes: int64([1, 4], [1, 1, 3, 3]),
    z_range: int64([3], [0, 1, 0]),
  });

/** A whole click; the status of its download. */
async function click(plugIn: PlugIn): Promise<number> {
  await plugIn.upload(await image());
  await plugIn.run('N');
  return (await plugIn.download()).status;
}

/** Sends a request and keeps the connection. */
async function begin(port: number, lines: readonly string[], body = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  const head = [...lines, 'Host: x', 'User-Agent: python-requests/2.32.3', `Content-Length: ${body.length}`];
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`, () => resolve());
  });
  return socket;
}

describe('a connection that is lost while its user is being asked for', () => {
  const form = 'Content-Type: application/x-www-form-urlencoded';
  const part = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n--x--\r\n';
  it.each([
    ['upload', ['POST /upload HTTP/1.1', 'Content-Type: multipart/form-data; boundary=x'], part],
    ['run', ['POST /run_script HTTP/1.1', form], 'propagate=N'],
    ['download', ['GET /download_file HTTP/1.1', form], 'output=x'],
  ])('holds nobody up: %s', async (name, lines, body) => {
    let [asked, answer] = [(): void => undefined, (): void => undefined];
    let slow = false;
    // nobody else may be waited for: a click that is left alone ends only after ten minutes here
    const bridge = await startTestBridge(
      boxes,
      { settleSeconds: 600 },
      {
        authenticate: async () => {
          if (!slow) return true;
          slow = false;
          asked();
          await new Promise<void>((resolve) => (answer = resolve));
          return true;
        },
      },
    );
    const plugIn = new PlugIn({ port: bridge.port });
    if (name !== 'upload') await plugIn.upload(await image());
    if (name === 'download') await plugIn.run('N');
    slow = true;
    const wasAsked = new Promise<void>((resolve) => (asked = resolve));
    const socket = await begin(bridge.port, lines, body);
    await wasAsked;
    socket.destroy();
    await sleep(100);
    answer();
    await sleep(100);
    if (name === 'upload') expect(await click(plugIn)).toBe(200);
    else {
      // the click is where it was: its next request is served
      if (name === 'run') expect((await plugIn.run('N')).status).toBe(200);
      expect((await plugIn.download()).status).toBe(200);
    }
    await bridge.close();
  });
});

describe('the private folder', () => {
  it('that is cleaned from outside is made anew', async () => {
    const bridge = await startTestBridge(boxes);
    const plugIn = new PlugIn({ port: bridge.port });
    expect(await click(plugIn)).toBe(200);
    for (const name of await readdir(bridge.folder)) await rm(join(bridge.folder, name), { recursive: true });
    expect(await click(plugIn)).toBe(200);
    expect(await bridge.leftovers()).toEqual([]);
    await bridge.close();
  });
});

describe('the memory for volumes', () => {
  it('is not made for a middle mask by forgetting the volume that it is of', async () => {
    // one volume of 1024 bytes and its header fits; with the mask's 512 it is too much
    const bridge = await startTestBridge(boxes, { memoryBytes: 1400, settleSeconds: 1 });
    const plugIn = new PlugIn({ port: bridge.port });
    expect(await click(plugIn)).toBe(200);
    const mask = new Float64Array(512);
    mask[17] = 1;
    const reply = await plugIn.upload(await npz({ segs: float64(shape, mask) }), 'gts.npz');
    expect([reply.status, reply.body.toString()]).toEqual([503, expect.stringMatching(/may take 1400 bytes/)]);
    await plugIn.run('Y');
    expect((await labelsOf(await plugIn.download())).message).toMatch(/may take 1400 bytes/);
    // it is still there: points of an earlier full segmentation would be told so
    expect(bridge.log.some(({ code }) => code === 'volume-forgotten')).toBe(false);
    await bridge.close();
  });

  it('is made for it by forgetting other volumes of the same client', async () => {
    const bridge = await startTestBridge(boxes, { memoryBytes: 2400, settleSeconds: 1 });
    const plugIn = new PlugIn({ port: bridge.port, prefix: '/u/alice' });
    const small = { imgs: int16([1, 16, 16], voxels(0).subarray(256)), boxes: int64([1, 4], [1, 1, 3, 3]) };
    await plugIn.upload(await npz({ ...small, z_range: int64([3], [0, 0, 0]) }));
    await plugIn.run('N');
    await plugIn.download();
    expect(await click(plugIn)).toBe(200);
    const mask = new Float64Array(512);
    mask[17] = 1;
    expect((await plugIn.upload(await npz({ segs: float64(shape, mask) }), 'gts.npz')).status).toBe(200);
    await bridge.close();
  });
});

describe('a result', () => {
  it('is not spent by looking at its headers', async () => {
    const bridge = await startTestBridge(boxes);
    const plugIn = new PlugIn({ port: bridge.port });
    await plugIn.upload(await image());
    await plugIn.run('N');
    expect((await plugIn.send('HEAD', '/download_file', '')).status).toBe(405);
    expect((await plugIn.send('HEAD', '/status', '')).status).toBe(200);
    expect((await plugIn.download()).status).toBe(200);
    await bridge.close();
  });
});
