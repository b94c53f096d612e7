import {
  defaultOptions,
  resolveWindow,
  createImageSource,
  startMonaiLabel,
  startNnInteractive,
  type Box,
  type Point,
  type Prompt,
  type Volume,
} from '@medsam2/server';
import type { RunningBridge } from '@medsam2/slicer-bridge';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithPython } from '../support/python.js';
import { openTestModels, type TestModels } from './bridge.js';
import { runClient } from './python.js';
import { dice, phantomScene, realScene, type Scene } from './scenes.js';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface Step {
  readonly kind: 'image' | 'segment' | 'point' | 'bbox' | 'lasso' | 'scribble';
  readonly positive?: boolean;
  /** i, j, k */
  readonly at?: readonly number[];
  readonly corners?: readonly (readonly number[])[];
  /** k, then rows and columns from (inclusive) to (exclusive) */
  readonly areas?: readonly (readonly number[])[];
  /** number of the step whose answer the segment is, edited by `areas` */
  readonly of?: number;
  readonly value?: boolean;
}
type StepReport = Readonly<{ status: number; type: string; encoding?: string; body?: unknown }>;

describeWithPython('modules that ask click by click', () => {
  let models: TestModels;
  let folder: string;
  let uploads: string;
  let nn: RunningBridge;
  let monai: RunningBridge;
  beforeAll(async () => {
    models = await openTestModels();
    folder = await mkdtemp(join(tmpdir(), 'medsam2-prompted-'));
    uploads = await mkdtemp(join(tmpdir(), 'medsam2-prompted-uploads-'));
    const deps = { segmenters: models.library, log: quiet, temporaryFolder: uploads };
    nn = await startNnInteractive(deps, { port: 0, listen: 'loopback' });
    monai = await startMonaiLabel(deps, { port: 0, listen: 'loopback' });
  });
  afterAll(async () => {
    await nn.close();
    await monai.close();
    expect(await readdir(uploads)).toEqual([]);
    await models.close();
    for (const path of [folder, uploads]) await rm(path, { recursive: true, force: true });
  });

  /** What the engine says itself of prompts on a scene, over the whole volume. */
  async function engine({ volume }: Scene, prompts: readonly Prompt[]): Promise<Uint8Array> {
    const { slices, rows, columns, voxels } = volume;
    const geometry: Volume['geometry'] = {
      slices,
      rows,
      columns,
      spacing: [1, 1, 1],
      origin: [0, 0, 0],
      direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    };
    const image = { voxels, channels: 1 as const, geometry, kind: 'stack' as const, findings: [] };
    const target = models.segmenter.open(createImageSource(image, resolveWindow(image, { kind: 'auto' })));
    const labels = new Uint8Array(slices * rows * columns);
    const options = {
      ...defaultOptions,
      view: 'roi' as const,
      following: 'prompted' as const,
      conditioning: 'mask' as const,
      fillHoleArea: 8,
    };
    const request = {
      objects: [{ label: 1, prompts }],
      range: { first: 0, last: slices - 1 },
      direction: 'both' as const,
      options,
    };
    for await (const event of target.segment(request)) {
      if (event.type === 'slice') labels.set(event.mask, event.slice * rows * columns);
    }
    target.close();
    return labels;
  }

  const saved = async (name: string): Promise<Uint8Array> =>
    new Uint8Array((await readFile(join(folder, `${name}.npy`))).subarray(128));

  const job = ({ volume, dtype }: Scene): { dtype: string; shape: number[]; folder: string } => ({
    folder,
    dtype,
    shape: [volume.slices, volume.rows, volume.columns],
  });
  const bytesOf = ({ volume: { voxels } }: Scene): Uint8Array =>
    new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength);

  const interact = (scene: Scene, path: string, steps: readonly Step[]): Promise<StepReport[]> =>
    runClient(
      'nninteractive_client.py',
      { ...job(scene), base: `http://127.0.0.1:${nn.port}${path}/`, steps },
      bytesOf(scene),
    );

  const scenes: [string, () => Promise<Scene | undefined>][] = [
    ['a phantom', () => Promise.resolve(phantomScene())],
    ['a real CT', () => realScene('ct_chest_3mm', 1, 4)],
    ['a real MR', () => realScene('mr_abdomen_3mm', 5, 4)],
  ];
  const middleOf = ([x0, y0, x1, y1]: Box): { x: number; y: number } => ({ x: (x0 + x1) >> 1, y: (y0 + y1) >> 1 });

  it.each(scenes)('nnInteractive: every prompt is what the engine makes of it, on %s', async (name, load) => {
    const scene = await load();
    if (scene === undefined) return void process.stderr.write(`skipped: ${name} is not beside the repository\n`);
    const { slice, clean, volume } = scene;
    const [box] = clean;
    const [x0, y0, x1, y1] = box;
    const { x, y } = middleOf(box);
    const far = { x: x0, y: y0 };
    const report = await interact(scene, `/u/${name.replaceAll(' ', '-')}`, [
      { kind: 'point', positive: true, at: [x, y, slice] },
      { kind: 'image' },
      { kind: 'segment' },
      {
        kind: 'bbox',
        positive: true,
        corners: [
          [x1, y1, slice],
          [x0, y0, slice],
        ],
      },
      { kind: 'point', positive: false, at: [far.x, far.y, slice] },
      { kind: 'segment' },
      { kind: 'lasso', positive: true, areas: [[slice, y0, y1 + 1, x0, x1 + 1]] },
      { kind: 'segment' },
      { kind: 'scribble', positive: true, areas: [[slice, y, y + 1, x, x + 3]] },
    ]);
    expect(report[0]).toMatchObject({ status: 200, body: { status: 'error', message: 'No image uploaded' } });
    for (const at of [1, 2, 5, 7]) expect(report[at]).toMatchObject({ status: 200, body: { status: 'ok' } });
    for (const at of [3, 4, 6, 8]) {
      expect(report[at]).toMatchObject({ status: 200, type: 'application/octet-stream', encoding: 'gzip' });
    }
    const no: Point = { ...far, label: 0 };
    const boxed = await engine(scene, [{ kind: 'box', slice, box }]);
    expect(boxed.includes(1)).toBe(true);
    expect(dice(await saved('3'), boxed)).toBe(1);
    expect(dice(await saved('4'), await engine(scene, [{ kind: 'box', slice, box, points: [no] }]))).toBe(1);
    expect(dice(await saved('6'), boxed)).toBe(1);
    const scribble = [x, x + 1, x + 2].map((at): Point => ({ x: at, y, label: 1 }));
    expect(dice(await saved('8'), await engine(scene, [{ kind: 'points', slice, points: scribble }]))).toBe(1);
    expect(volume.slices).toBeGreaterThan(1);
  });

  it('nnInteractive: clicks correct what is shown; undo and edits by hand are understood', async () => {
    const scene = phantomScene();
    const { slice, clean, volume } = scene;
    const [box] = clean;
    const [x0, y0, x1, y1] = box;
    const { x, y } = middleOf(box);
    const area = volume.rows * volume.columns;
    const on = (mask: Uint8Array, k: number): Uint8Array => mask.slice(k * area, (k + 1) * area);
    const edit = [slice, y0, y0 + 3, x0, x0 + 4];
    const report = await interact(scene, '/u/edits', [
      { kind: 'image' },
      { kind: 'segment' },
      {
        kind: 'bbox',
        positive: true,
        corners: [
          [x0, y0, slice],
          [x1, y1, slice],
        ],
      },
      { kind: 'point', positive: true, at: [x, y, slice + 1] },
      // undo, and the same click again
      { kind: 'segment', of: 2 },
      { kind: 'point', positive: true, at: [x, y, slice + 1] },
      // painted on by hand, then a click on another slice
      { kind: 'segment', of: 5, areas: [edit] },
      { kind: 'point', positive: true, at: [x, y, slice - 1] },
      // another segment, unknown here
      {
        kind: 'segment',
        areas: [
          [2, 4, 12, 4, 12],
          [3, 4, 12, 4, 12],
        ],
      },
      { kind: 'point', positive: false, at: [6, 6, 3] },
      {
        kind: 'bbox',
        positive: true,
        corners: [
          [x, y0, 1],
          [x, y1, 4],
        ],
      },
      { kind: 'point', positive: true, at: [x, y, 99] },
      { kind: 'segment', of: 2 },
    ]);
    const boxed = await saved('2');
    const boxPrompt: Prompt = { kind: 'box', slice, box };
    const shown = on(boxed, slice + 1);
    const yes: Point = { x, y, label: 1 };
    const second: Prompt = {
      kind: 'points',
      slice: slice + 1,
      points: [yes],
      ...(shown.includes(1) ? { previous: shown } : {}),
    };
    expect(dice(await saved('3'), await engine(scene, [boxPrompt, second]))).toBe(1);
    expect(dice(await saved('5'), await saved('3'))).toBe(1);
    // what was painted stays as it was painted
    const painted = await saved('5');
    for (let row = edit[1]; row < edit[2]; row++)
      painted.fill(1, slice * area + row * volume.columns + edit[3], slice * area + row * volume.columns + edit[4]);
    const edited = await saved('7');
    expect(on(edited, slice)).toEqual(on(painted, slice));
    // of a segment that is unknown here, slices without a click stay as they are
    const other = await saved('9');
    expect(on(other, 2).reduce((sum, value) => sum + value, 0)).toBe(64);
    expect(report[10]).toMatchObject({
      status: 200,
      body: { status: 'error', message: expect.stringMatching(/across the slices/) as string },
    });
    expect(report[11]).toMatchObject({
      status: 200,
      body: { status: 'error', message: expect.stringMatching(/outside the volume/) as string },
    });
    expect(report[12]).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  const label = 'left kidney';
  it.each(scenes.map(([name, load], index) => [name, ['.nii.gz', '.nrrd', '.nii.gz'][index], load] as const))(
    'MONAI Label: points give what the engine makes of them, on the grid of the file, on %s (%s)',
    async (name, ending, load) => {
      const scene = await load();
      if (scene === undefined) return void process.stderr.write(`skipped: ${name} is not beside the repository\n`);
      const { slice, clean } = scene;
      const { x, y } = middleOf(clean[0]);
      const report = await runClient<Record<string, unknown>>(
        'monailabel_client.py',
        {
          ...job(scene),
          base: `http://127.0.0.1:${monai.port}/u/${ending.length}`,
          ending,
          model: 'nano',
          label,
          foreground: [
            [x, y, slice],
            [x + 1, y, slice],
            [x, y, slice - 1],
          ],
          background: [[clean[0][0], clean[0][1], slice]],
        },
        bytesOf(scene),
      );
      expect(report).toMatchObject({
        auth: [200, { enabled: false }],
        info: [
          200,
          { labels: ['object'], trainers: {}, models: { nano: { type: 'deepgrow', dimension: 3, labels: [] } } },
        ],
        training: 404,
        unknown: 404,
        session: [200, ['session_id', 'session_info']],
        known: 200,
        infer: [200, { label_names: { [label]: 1 } }, expect.stringMatching(/^[0-9a-f]+\.nrrd$/)],
        pixels: '8-bit unsigned integer',
        grid: [true, true, true],
        'without session': [200, true],
        'no points': [422, { detail: expect.stringMatching(/no foreground point/) as string }],
        'no model': [404, { detail: expect.stringMatching(/no such model/) as string }],
        removed: 200,
        gone: [404, { detail: expect.stringMatching(/no such session/) as string }],
      });
      const expected = await engine(scene, [
        { kind: 'points', slice: slice - 1, points: [{ x, y, label: 1 }] },
        {
          kind: 'points',
          slice,
          points: [
            { x, y, label: 1 },
            { x: x + 1, y, label: 1 },
            { x: clean[0][0], y: clean[0][1], label: 0 },
          ],
        },
      ]);
      expect(dice(await saved('result'), expected)).toBe(1);
    },
  );

  it('MONAI Label: people log in, and see no other person’s session', async () => {
    const scene = phantomScene();
    const authenticate = (given?: { user: string; password: string }): boolean =>
      given?.password === `${given?.user}-secret`;
    const server = await startMonaiLabel(
      { segmenters: models.library, log: quiet, temporaryFolder: uploads, authenticate },
      { port: 0, listen: 'loopback' },
    );
    const base = `http://127.0.0.1:${server.port}`;
    const { x, y } = middleOf(scene.clean[0]);
    const client = (login?: readonly [string, string]): Promise<Record<string, unknown>> =>
      runClient(
        'monailabel_client.py',
        {
          ...job(scene),
          base,
          ending: '.nii.gz',
          model: 'nano',
          label,
          foreground: [[x, y, scene.slice]],
          background: [],
          login,
        },
        bytesOf(scene),
      );
    expect(await client()).toMatchObject({
      auth: [200, { enabled: true }],
      info: [401, { detail: expect.stringMatching(/Log in/) as string }],
    });
    expect(await client(['alice', 'wrong'])).toMatchObject({ login: 401, valid: 401, info: [401, {}] });
    expect(await client(['alice', 'alice-secret'])).toMatchObject({
      login: 200,
      valid: 200,
      infer: [200, {}, expect.anything()],
    });
    const tokenOf = async (user: string): Promise<string> => {
      const answer = await fetch(`${base}/auth/token`, {
        method: 'POST',
        body: new URLSearchParams({ username: user, password: `${user}-secret`, grant_type: 'password' }),
      });
      return `Bearer ${((await answer.json()) as { access_token: string }).access_token}`;
    };
    const [alice, bob] = [await tokenOf('alice'), await tokenOf('bob')];
    const form = new FormData();
    form.append('files', new Blob([await readFile(join(folder, 'saved.nii.gz'))]), 'saved.nii.gz');
    const created = await fetch(`${base}/session/`, { method: 'PUT', body: form, headers: { Authorization: alice } });
    const { session_id: id } = (await created.json()) as { session_id: string };
    const look = async (Authorization: string): Promise<number> =>
      (await fetch(`${base}/session/${id}`, { headers: { Authorization } })).status;
    expect([await look(alice), await look(bob)]).toEqual([200, 404]);
    await server.close();
  });
});
