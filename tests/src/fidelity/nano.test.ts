/** The trained weights of the embedded model: the engine against the reference predictor in the same run, `full` view. */
import { registrySettings, resolveModel } from '@medsam2/models';
import { testPython } from '@medsam2/models/testing';
import { openModel } from '@medsam2/server';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareFlow } from '../support/compare-flow.js';
import { runScript } from '../support/python.js';
import { Reference } from '../support/reference.js';

const python = testPython();

(python === undefined ? test.skip : test)(
  'masks equal on 99.9 % of pixels, both directions',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'medsam2-nano-'));
    try {
      const model = await resolveModel(registrySettings({ MEDSAM2_MODELS_DIR: join(folder, 'models') }), 'nano');
      const recording = join(folder, 'reference.safetensors');
      runScript('record_reference.py', 'nano', model.checkpoint.file, recording, '--flows', 'mask', 'two_boxes');
      const { segmenter } = await openModel(model, { device: { kind: 'cpu', index: 0 }, threads: 1 });
      try {
        const reference = await Reference.open(recording);
        for (const flow of ['mask', 'two_boxes']) {
          for (const direction of ['forward', 'backward'] as const) {
            const difference = await compareFlow(segmenter, reference, flow, direction);
            expect(difference.slices).toBeGreaterThan(1);
            expect(difference.equalPixels).toBeGreaterThanOrEqual(0.999);
            expect(difference.logits).toBeLessThan(1e-2);
          }
          const { masks } = await reference.pass(flow, 'forward');
          // Something was found, and not everything: otherwise equality would mean little.
          const covered = masks.reduce((sum, value) => sum + value, 0) / masks.length;
          expect(covered).toBeGreaterThan(0.01);
          expect(covered).toBeLessThan(0.9);
          process.stderr.write(`nano ${flow}: masks cover ${(100 * covered).toFixed(1)} %\n`);
        }
      } finally {
        await segmenter.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  300_000,
);
