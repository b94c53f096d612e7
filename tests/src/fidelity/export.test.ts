/**
 * The export of graphs: the same bytes every time, and models of other sizes that the engine runs as they are described,
 * because no size is written in its code.
 */
import { graphNames } from '@medsam2/models';
import { openModel, parityPresets, type ImageSource, type SegmentEvent } from '@medsam2/server';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareFlow } from '../support/compare-flow.js';
import { fixtures, installModel, temporaryRegistry } from '../support/models.js';
import { describeWithPython, runScript } from '../support/python.js';
import { Reference } from '../support/reference.js';
import { repositoryRoot } from '../support/root.js';

describeWithPython('export_graphs.py', () => {
  const folder = mkdtempSync(join(tmpdir(), 'medsam2-export-'));

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    ['medsam2', join(repositoryRoot(), 'models', 'graphs')],
    ['fixture', join(fixtures, 'graphs')],
  ])('writes the %s files that are in the repository, byte for byte', (name, committed) => {
    const out = join(folder, 'again');
    runScript('export_graphs.py', name, '--out', out);
    for (const file of [...graphNames.map((graph) => `${graph}.onnx`), 'architecture.json']) {
      const same = Buffer.compare(readFileSync(join(out, name, file)), readFileSync(join(committed, name, file))) === 0;
      expect([file, same]).toEqual([file, true]);
    }
  });

  test('a model of another image size, with fewer memories and pointers, follows the reference', async () => {
    const size = [
      ...['--image-size', '192'],
      ...['--override', 'model.num_maskmem=4'],
      ...['--override', '+model.max_obj_ptrs_in_encoder=5'],
    ];
    const [graphs, weights] = [join(folder, 'other'), join(folder, 'other.safetensors')];
    const recording = join(folder, 'other-reference.safetensors');
    runScript('export_graphs.py', 'fixture', ...size, '--out', graphs);
    runScript('random_checkpoint.py', 'fixture', weights, ...size, '--seed', '3', '--presence-shift', '8');
    // Twelve slices: more than the memories and the pointers reach, so that the oldest are forgotten.
    const scene = ['--slices', '12', '--rows', '70', '--columns', '101'];
    runScript('record_reference.py', 'fixture', weights, recording, ...size, ...scene, '--flows', 'box', 'refine');
    const registry = await temporaryRegistry(graphs);
    const model = await installModel(registry, weights, 'fixture', 'other');
    expect(model.architecture).toMatchObject({ imageSize: 192, maskSize: 48, memorySlots: 4, maxObjectPointers: 5 });
    const { segmenter } = await openModel(model, { device: { kind: 'cpu', index: 0 }, threads: 1 });
    try {
      const reference = await Reference.open(recording);
      for (const flow of ['box', 'refine']) {
        for (const direction of ['forward', 'backward'] as const) {
          const difference = await compareFlow(segmenter, reference, flow, direction);
          expect(difference.slices).toBeGreaterThan(4);
          expect(difference.logits).toBeLessThan(1e-4);
          // A pixel whose logit is zero within rounding may fall on either side.
          expect(difference.equalPixels).toBeGreaterThan(0.9999);
          expect(difference.absent).toBeLessThan(difference.slices / 2);
        }
      }
    } finally {
      await segmenter.close();
      await registry.dispose();
    }
  }, 240_000);

  test('SAM 2.1 small at 512 pixels runs from its description', async () => {
    const size = ['--config', 'sam2.1_hiera_s', '--image-size', '512'];
    const [graphs, weights] = [join(folder, 'small'), join(folder, 'small.safetensors')];
    runScript('export_graphs.py', 'small', ...size, '--out', graphs);
    runScript('random_checkpoint.py', 'small', weights, ...size);
    const registry = await temporaryRegistry(graphs);
    const model = await installModel(registry, weights, 'small', 'small');
    const { segmenter } = await openModel(model, { device: { kind: 'cpu', index: 0 } });
    try {
      const [rows, columns] = [100, 90];
      const image = (slice: number) => Uint8Array.from({ length: rows * columns }, (_, i) => (i * (7 + slice)) & 255);
      const source: ImageSource = { slices: 2, rows, columns, channels: 1, image };
      const target = segmenter.open(source);
      const events: SegmentEvent[] = [];
      const mask = new Uint8Array(rows * columns).fill(1, 0, 4000);
      const objects = [{ label: 1, prompts: [{ kind: 'mask' as const, slice: 0, mask }] }];
      for await (const event of target.segment({ objects, direction: 'both', options: parityPresets.cpu })) {
        events.push(event);
      }
      target.close();
      const slices = events.filter((event) => event.type === 'slice');
      expect(slices.map(({ slice }) => slice)).toEqual([0, 1]);
      for (const { logits } of slices) {
        expect(logits).toHaveLength(128 * 128);
        expect(logits.every(Number.isFinite)).toBe(true);
      }
    } finally {
      await segmenter.close();
      await registry.dispose();
    }
  }, 240_000);
});
