import { listModels } from '@medsam2/models';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../support/root.js';
import { openTestModels, startTestBridge, type TestBridge, type TestModels } from './bridge.js';
import { int16, int64, npz, PlugIn } from './plug-in.js';

const weights = readFileSync(join(repositoryRoot(), 'models', 'nano', 'weights.safetensors'));

describe('weights that clients upload, where the operator allows it', () => {
  let models: TestModels;
  let bridge: TestBridge;
  let plugIn: PlugIn;
  beforeAll(async () => {
    models = await openTestModels({ uploads: true });
    bridge = await startTestBridge(models.library);
    plugIn = new PlugIn({ port: bridge.port });
  });
  afterAll(async () => {
    await bridge.close();
    await models.close();
  });

  /** The model that a middle slice was segmented with. */
  async function modelFor(checkpoint: string): Promise<unknown> {
    const shape = [2, 32, 32];
    const voxels = Int16Array.from({ length: 2048 }, (_, i) =>
      i % 32 > 8 && i % 32 < 24 && (i >> 5) % 32 > 8 ? 200 : 0,
    );
    const boxes = int64([1, 4], [8, 8, 24, 31]);
    await plugIn.upload(await npz({ imgs: int16(shape, voxels), boxes, z_range: int64([3], [0, 1, 0]) }));
    expect((await plugIn.run('N', checkpoint)).status).toBe(200);
    await plugIn.download();
    return bridge.log.findLast(({ message }) => message === 'middle slice segmented')?.model;
  }

  it('are installed once under the name of their hash, and used under the client’s name for them', async () => {
    for (const round of [1, 2]) {
      const reply = await plugIn.upload(weights, `my.model.v${round}.pt`, '/upload_model');
      expect(reply.status).toBe(200);
    }
    const uploaded = (await listModels(models.registry)).filter(({ name }) => name.startsWith('upload-'));
    expect(uploaded).toHaveLength(1);
    expect(await modelFor('my\\my.model.v1.pt')).toBe(uploaded[0].name);
    expect(await modelFor('my/my.model.v2.pt')).toBe(uploaded[0].name);
    expect(await modelFor('tiny')).toBe('nano');
  });

  it('are never executed: a pickle is refused, and the default model serves', async () => {
    const proof = join(tmpdir(), `medsam2-executed-${process.pid}`);
    // protocol 2: os.system('touch …')
    const evil = Buffer.from(`\x80\x02cos\nsystem\nX${'\0'.repeat(4)}tR.`, 'latin1');
    const command = Buffer.from(`touch ${proof}`);
    const at = evil.indexOf('X') + 1;
    evil.writeUInt32LE(command.length, at);
    const pickle = Buffer.concat([evil.subarray(0, at + 4), command, Buffer.from('\x85R.', 'latin1')]);
    const reply = await plugIn.upload(pickle, 'evil.pt', '/upload_model');
    expect([reply.status, reply.body.toString()]).toEqual([
      422,
      expect.stringMatching(/^Error: evil\.pt is a bare Python pickle/),
    ]);
    expect(await modelFor('evil/evil.pt')).toBe('nano');
    expect(existsSync(proof)).toBe(false);
    expect(await bridge.leftovers()).toEqual([]);
  });
});
