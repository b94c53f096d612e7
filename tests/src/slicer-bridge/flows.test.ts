import {
  defaultOptions,
  type Box,
  type EngineOptions,
  type ObjectPrompts,
  type Point,
  type Segmenter,
} from '@medsam2/server';
import { compatStack, type ClientVolume } from '@medsam2/slicer-bridge';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithPython } from '../support/python.js';
import { openTestModels, startTestBridge, type TestBridge, type TestModels } from './bridge.js';
import { runFlow, savedLabels, type FlowJob, type FlowReport } from './python.js';
import { dice, phantomScene, realScene, type Scene } from './scenes.js';

/** What the engine says itself, without any bridge: the reference for every result below. */
class Engine {
  constructor(
    private readonly segmenter: Segmenter,
    private readonly volume: ClientVolume,
  ) {}

  readonly options: EngineOptions = { ...defaultOptions, view: 'roi', following: 'prompted' };

  async middle(boxes: readonly Box[], slice: number): Promise<Uint8Array> {
    const objects = boxes.map((box, index) => ({ label: index + 1, prompts: [{ kind: 'box' as const, slice, box }] }));
    const target = this.segmenter.open(compatStack(this.volume));
    const labels = this.empty();
    for (const { label, mask } of await target.preview({ objects, options: this.options })) {
      this.paint(labels, slice, label, mask);
    }
    target.close();
    return labels;
  }

  /** each label's mask on the slice through the range */
  full(mask: Uint8Array, slice: number, range: readonly [number, number]): Promise<Uint8Array> {
    const own = this.slice(mask, slice);
    const present = [...new Set(own)].filter((label) => label > 0).sort((a, b) => a - b);
    const objects = present.map((label) => ({
      label,
      prompts: [{ kind: 'mask' as const, slice, mask: own.map((value) => (value === label ? 1 : 0)) }],
    }));
    return this.propagate(objects, range, 'mask');
  }

  improve(box: Box, points: readonly Point[], slice: number, range: readonly [number, number]): Promise<Uint8Array> {
    return this.propagate([{ label: 1, prompts: [{ kind: 'box', slice, box, points }] }], range, 'direct');
  }

  slice(labels: Uint8Array, slice: number): Uint8Array {
    const area = this.volume.rows * this.volume.columns;
    return labels.subarray(slice * area, (slice + 1) * area);
  }

  private async propagate(
    objects: ObjectPrompts[],
    [first, last]: readonly [number, number],
    conditioning: EngineOptions['conditioning'],
  ): Promise<Uint8Array> {
    const target = this.segmenter.open(compatStack(this.volume));
    const labels = this.empty();
    const options = { ...this.options, conditioning, fillHoleArea: 8 };
    for await (const event of target.segment({ objects, range: { first, last }, direction: 'both', options })) {
      if (event.type === 'slice') this.paint(labels, event.slice, event.label, event.mask);
    }
    target.close();
    return labels;
  }

  private empty(): Uint8Array {
    return new Uint8Array(this.volume.slices * this.volume.rows * this.volume.columns);
  }

  private paint(labels: Uint8Array, slice: number, label: number, mask: Uint8Array): void {
    const own = this.slice(labels, slice);
    mask.forEach((value, i) => {
      if (value > 0) own[i] = label;
    });
  }
}

const generations: readonly Pick<FlowJob, 'generation' | 'checkpoint'>[] = [
  { generation: 'A', checkpoint: 'tiny' },
  { generation: 'B1', checkpoint: 'my\\my.model.v2.pt' },
  { generation: 'B2', checkpoint: 'sam2.1_hiera_tiny.pt' },
  { generation: 'C1', checkpoint: 'my.model.v2/my.model.v2.pt' },
  { generation: 'C2', checkpoint: 'MedSAM2_2411.pt' },
  { generation: 'D1', checkpoint: 'MedSAM2_latest.pt' },
  { generation: 'D2', checkpoint: 'MedSAM2_CTLesion.pt' },
];
/** All generations on real images too, not only those that differ most: MEDSAM2_BRIDGE_ALL=1. */
const everywhere = process.env.MEDSAM2_BRIDGE_ALL === '1';
const improves = ({ generation }: Pick<FlowJob, 'generation'>): boolean => generation.startsWith('D');
const uploadsModel = ({ generation }: Pick<FlowJob, 'generation'>): boolean => ['B1', 'C1'].includes(generation);

describeWithPython('the plug-in’s clicks, from middle slice to improvement', () => {
  let models: TestModels;
  let bridge: TestBridge;
  let folder: string;
  beforeAll(async () => {
    models = await openTestModels();
    bridge = await startTestBridge(models.library);
    folder = await mkdtemp(join(tmpdir(), 'medsam2-flows-'));
  });
  afterAll(async () => {
    await bridge.close();
    await models.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs a generation on a scene and compares every download with the engine's own answer. */
  async function check(scene: Scene, { generation, checkpoint }: (typeof generations)[number]): Promise<FlowReport> {
    const { volume, clean, slice } = scene;
    const engine = new Engine(models.segmenter, volume);
    const [x0, y0, x1, y1] = clean[0];
    const [x, y] = [(x0 + x1) >> 1, (y0 + y1) >> 1];
    const edit = [x0, y0, x0 + 4, y0 + 3, 1] as const;
    const report = await runFlow(
      {
        base: `http://127.0.0.1:${bridge.port}/u/${generation}/${scene.name.replaceAll(' ', '-')}`,
        folder,
        generation,
        checkpoint,
        dtype: scene.dtype,
        shape: [volume.slices, volume.rows, volume.columns],
        boxes: scene.boxes,
        z_range: [scene.start, scene.end, slice],
        edit,
        additions: [[x, y, slice]],
        // counts on the slice of the first point
        subtractions: generation === 'D2' ? [] : [[x0, y0, slice - 1]],
      },
      new Uint8Array(volume.voxels.buffer, volume.voxels.byteOffset, volume.voxels.byteLength),
    );

    const range = [
      Math.max(0, Math.min(scene.start, scene.end)),
      Math.min(volume.slices - 1, Math.max(scene.start, scene.end)),
    ] as const;
    const middle = await engine.middle(clean, slice);
    expect(dice(await savedLabels(folder, 'middle'), middle)).toBe(1);
    const edited = middle.slice();
    const own = engine.slice(edited, slice);
    for (let row = edit[1]; row < edit[3]; row++)
      own.fill(1, row * volume.columns + edit[0], row * volume.columns + edit[2]);
    expect(dice(await savedLabels(folder, 'full'), await engine.full(edited, slice, range))).toBe(1);
    // what the user drew is the result on its slice
    expect(dice(engine.slice(await savedLabels(folder, 'full'), slice), own)).toBe(1);
    if (improves({ generation })) {
      const no: Point[] = generation === 'D2' ? [] : [{ x: x0, y: y0, label: 0 }];
      const points: Point[] = [{ x, y, label: 1 }, ...no];
      const improved = await engine.improve(clean[0], points, slice, range);
      expect(dice(await savedLabels(folder, 'improved'), improved)).toBe(1);
    }
    for (const result of [report.middle, report.full, report.improved].filter((one) => one !== undefined)) {
      expect(result).toMatchObject({
        names: ['segs'],
        dtype: '|u1',
        shape: [volume.slices, volume.rows, volume.columns],
        c_order: true,
        message: null,
      });
    }
    return report;
  }

  it.each(generations)('of generation $generation on a phantom with two objects', async (generation) => {
    const report = await check(phantomScene(), generation);
    expect([report.middle.labels, report.full.labels]).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(report.improved?.labels).toEqual(improves(generation) ? [0, 1] : undefined);
    const statuses = report.statuses.map(([, status]) => status);
    // models of clients are not taken here; the plug-in goes on, and the default model serves
    expect(statuses).toEqual(statuses.map((_, index) => (uploadsModel(generation) && index === 0 ? 403 : 200)));
    expect(report.statuses.map(([endpoint]) => endpoint).filter((name) => name === 'improve')).toHaveLength(
      improves(generation) ? 1 : 0,
    );
  });

  it.each([
    ['CT', 'ct_chest_3mm', 1, [generations[0], generations[5]]],
    ['MR', 'mr_abdomen_3mm', 5, [generations[6]]],
  ])('on a real %s', async (_, name, label, chosen) => {
    const scene = await realScene(name, label, 8);
    if (scene === undefined) return void process.stderr.write(`skipped: ${name} is not beside the repository\n`);
    for (const generation of everywhere ? generations : chosen) {
      const report = await check(scene, generation);
      expect(report.middle.labels).toEqual([0, 1]);
    }
  });

  it('says in its log which model served', () => {
    expect(
      bridge.log.some(({ notes }) => /"MedSAM2_latest.pt" is not installed; nano was used/.test(String(notes))),
    ).toBe(true);
  });
});
