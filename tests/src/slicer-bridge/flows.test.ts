import { sharedData } from '@medsam2/models/testing';
import {
  defaultOptions,
  NpzArchive,
  openVolume,
  type Box,
  type EngineOptions,
  type ObjectPrompts,
  type Point,
  type Segmenter,
} from '@medsam2/server';
import { makePhantom } from '@medsam2/server/testing';
import { compatStack, type ClientVolume } from '@medsam2/slicer-bridge';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithPython } from '../support/python.js';
import { openTestModels, startTestBridge, type TestBridge, type TestModels } from './bridge.js';
import { runFlow, savedLabels, type FlowJob, type FlowReport } from './python.js';

/** What the engine says itself, without any bridge: the reference for every result below. */
class Engine {
  constructor(
    private readonly segmenter: Segmenter,
    private readonly volume: ClientVolume,
  ) {}

  readonly options: EngineOptions = { ...defaultOptions, view: 'roi' };

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

interface Scene {
  readonly name: string;
  readonly volume: ClientVolume;
  readonly dtype: string;
  /** as the client sends them: unsorted, not clipped */
  readonly boxes: readonly (readonly number[])[];
  /** the same, sorted and clipped */
  readonly clean: readonly Box[];
  readonly start: number;
  readonly end: number;
  readonly slice: number;
}

/** Two objects; the second box is given from corner to corner the other way, and reaches over the edge. */
function phantomScene(): Scene {
  const { volume, truth } = makePhantom({ columns: 72, rows: 64, slices: 10, seed: 7 });
  const { columns, rows, slices } = volume.geometry;
  const boxes = [1, 2].map((label) => boundsOf(Uint8Array.from(truth.labels), { columns, rows }, 5, label));
  const [x0, y0, x1, y1] = boxes[1];
  return {
    name: 'a phantom',
    volume: { slices, rows, columns, channels: 1, voxels: volume.voxels },
    dtype: '<i2',
    boxes: [boxes[0], [x1, y1, x0, y0]],
    clean: [boxes[0], [x0, y0, x1, y1]],
    // from head to foot, and beyond the volume
    start: 12,
    end: 1,
    slice: 5,
  };
}

async function realScene(name: string, label: number, count: number): Promise<Scene | undefined> {
  const data = sharedData();
  if (data === undefined) return undefined;
  const { voxels, geometry } = await openVolume(join(data, name, 'dicom'));
  const { rows, columns } = geometry;
  const archive = await NpzArchive.open(join(data, name, 'gt.npz'));
  const truth = Uint8Array.from((await archive.read('gts')).values);
  archive.close();
  const area = rows * columns;
  const pixels = (slice: number): number =>
    truth.subarray(slice * area, (slice + 1) * area).reduce((sum, value) => sum + Number(value === label), 0);
  const largest = Array.from({ length: geometry.slices }, (_, slice) => slice).reduce((best, slice) =>
    pixels(slice) > pixels(best) ? slice : best,
  );
  const first = Math.max(0, Math.min(largest - (count >> 1), geometry.slices - count));
  const slice = largest - first;
  const box = boundsOf(truth.subarray(first * area), { rows, columns }, slice, label);
  const cut = voxels.slice(first * area, (first + count) * area);
  const dtype = { Int16Array: '<i2', Uint16Array: '<u2', Float32Array: '<f4' }[cut.constructor.name] ?? '';
  return {
    name,
    volume: { slices: count, rows, columns, channels: 1, voxels: cut },
    dtype,
    boxes: [box],
    clean: [box],
    start: Math.max(0, slice - 3),
    end: Math.min(count - 1, slice + 2),
    slice,
  };
}

function boundsOf(
  labels: Uint8Array,
  { rows, columns }: { rows: number; columns: number },
  slice: number,
  label: number,
): Box {
  const area = rows * columns;
  let [x0, y0, x1, y1] = [columns, rows, 0, 0];
  for (let i = 0; i < area; i++) {
    if (labels[slice * area + i] !== label) continue;
    const [x, y] = [i % columns, Math.floor(i / columns)];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  }
  return [Math.max(0, x0 - 2), Math.max(0, y0 - 2), Math.min(columns - 1, x1 + 2), Math.min(rows - 1, y1 + 2)];
}

const dice = (a: Uint8Array, b: Uint8Array): number => {
  let [both, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    sum += Number(a[i] > 0) + Number(b[i] > 0);
    if (a[i] > 0 && a[i] === b[i]) both++;
  }
  return sum === 0 ? 1 : (2 * both) / sum;
};

const generations: readonly Pick<FlowJob, 'generation' | 'checkpoint'>[] = [
  { generation: 'A', checkpoint: 'tiny' },
  { generation: 'B1', checkpoint: 'my\\my.model.v2.pt' },
  { generation: 'B2', checkpoint: 'sam2.1_hiera_tiny.pt' },
  { generation: 'D', checkpoint: 'MedSAM2_latest.pt' },
];

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
        subtractions: [[x0, y0, slice - 1]],
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
    if (generation === 'D') {
      const points: Point[] = [
        { x, y, label: 1 },
        { x: x0, y: y0, label: 0 },
      ];
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
    expect(report.improved?.labels).toEqual(generation.generation === 'D' ? [0, 1] : undefined);
    const statuses = report.statuses.map(([, status]) => status);
    // models of clients are not taken here; the plug-in goes on, and the default model serves
    expect(statuses).toEqual(
      generation.generation === 'B1' ? [403, 200, 200, 200, 200, 200, 200] : statuses.map(() => 200),
    );
    expect(report.statuses.map(([endpoint]) => endpoint).filter((name) => name === 'improve')).toHaveLength(
      generation.generation === 'D' ? 1 : 0,
    );
  });

  it.each([
    ['CT', 'ct_chest_3mm', 1, [generations[0], generations[3]]],
    ['MR', 'mr_abdomen_3mm', 5, [generations[3]]],
  ])('on a real %s', async (_, name, label, chosen) => {
    const scene = await realScene(name, label, 8);
    if (scene === undefined) return void process.stderr.write(`skipped: ${name} is not beside the repository\n`);
    for (const generation of chosen) {
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
