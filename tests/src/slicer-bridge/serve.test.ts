import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServerProcess, type ServerProcess } from '../support/server-process.js';
import { int16, int64, labelsOf, npy, npz, PlugIn } from './plug-in.js';

const shape = [2, 32, 32];
const voxels = Int16Array.from({ length: 2048 }, (_, i) => (i % 32 > 8 && i % 32 < 24 ? 200 : 0));
const switchedOn = {
  SLICER_LISTEN: 'loopback',
  SLICER_PORT: '0',
  NNINTERACTIVE_LISTEN: 'loopback',
  NNINTERACTIVE_PORT: '0',
  MONAILABEL_LISTEN: 'loopback',
  MONAILABEL_PORT: '0',
};

const portOf = (server: ServerProcess, part: string): number =>
  Number(server.log().find((line) => line.part === part && /listens$/.test(String(line.msg)))?.port);

async function click(plugIn: PlugIn): Promise<{ status: number; found: boolean; message: string | undefined }> {
  const boxes = int64([1, 4], [8, 8, 24, 31]);
  await plugIn.upload(await npz({ imgs: int16(shape, voxels), boxes, z_range: int64([3], [0, 1, 0]) }));
  await plugIn.run('N');
  const reply = await plugIn.download();
  const { values, message } = await labelsOf(reply);
  return { status: reply.status, found: values.includes(1), message };
}

async function uploadImage(port: number, password?: string): Promise<number> {
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(npy(int16(shape, voxels)))]), 'volume.npy');
  const headers: Record<string, string> =
    password === undefined ? {} : { Authorization: `Basic ${Buffer.from(`x:${password}`).toString('base64')}` };
  return (await fetch(`http://127.0.0.1:${port}/upload_image`, { method: 'POST', body: form, headers })).status;
}

describe('medsam2 serve with the modules of 3D Slicer switched on', () => {
  it('serves them on this machine without users', async () => {
    const server = await startServerProcess({ env: switchedOn });
    expect(await click(new PlugIn({ port: portOf(server, 'slicer') }))).toMatchObject({ status: 200, found: true });
    expect(await uploadImage(portOf(server, 'nninteractive'))).toBe(200);
    const monai = `http://127.0.0.1:${portOf(server, 'monailabel')}`;
    expect(await (await fetch(`${monai}/auth/`)).json()).toMatchObject({ enabled: false });
    expect(await (await fetch(`${monai}/info/`)).json()).toMatchObject({ models: { nano: { type: 'deepgrow' } } });
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(await server.end('SIGTERM')).toBe(0);
    await server.close();
  });

  it('asks them for a key of somebody who may annotate, where the server has users', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'medsam2-slicer-serve-'));
    const file = join(folder, 'keys.json');
    const [alice, reader] = ['alice-key-for-the-tests-0123456789', 'reader-key-for-the-tests-0123456789'];
    const keyOf = (id: string, key: string, role: string): unknown => ({
      id,
      roles: [role],
      sha256: createHash('sha256').update(key).digest('hex'),
    });
    writeFileSync(
      file,
      JSON.stringify({ keys: [keyOf('alice', alice, 'annotator'), keyOf('reader', reader, 'reader')] }),
    );
    const server = await startServerProcess({
      env: { ...switchedOn, MEDSAM2_AUTH: 'keys', MEDSAM2_KEYS_FILE: file },
    });
    const port = portOf(server, 'slicer');
    expect(await click(new PlugIn({ port, credentials: `alice:${alice}` }))).toMatchObject({
      status: 200,
      found: true,
    });
    for (const credentials of [undefined, 'alice:wrong', `reader:${reader}`]) {
      const refused = await click(new PlugIn({ port, credentials }));
      expect(refused).toMatchObject({
        status: 401,
        found: false,
        message: expect.stringMatching(/user:password@/) as string,
      });
    }
    const nn = portOf(server, 'nninteractive');
    expect([await uploadImage(nn), await uploadImage(nn, reader), await uploadImage(nn, alice)]).toEqual([
      401, 401, 200,
    ]);
    const monai = `http://127.0.0.1:${portOf(server, 'monailabel')}`;
    expect((await fetch(`${monai}/info/`)).status).toBe(401);
    const logIn = (password: string): Promise<Response> =>
      fetch(`${monai}/auth/token`, { method: 'POST', body: new URLSearchParams({ username: 'alice', password }) });
    expect((await logIn(reader)).status).toBe(401);
    const { access_token: token } = (await (await logIn(alice)).json()) as { access_token: string };
    expect((await fetch(`${monai}/info/`, { headers: { Authorization: `Bearer ${token}` } })).status).toBe(200);
    // no secret is written down
    expect(JSON.stringify(server.log())).not.toMatch(/-key-for-the-tests-/);
    await server.close();
    rmSync(folder, { recursive: true });
  });
});
