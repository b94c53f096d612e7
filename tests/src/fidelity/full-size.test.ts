/**
 * The full-size graphs bound to a full-size checkpoint written by torch, against torch in the same run: 12 slices, both
 * directions, the RECIST flow. Random weights: every tensor is distinct, no licence is touched.
 */
import { openModel } from '@medsam2/server';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareFlow } from '../support/compare-flow.js';
import { installModel, temporaryRegistry } from '../support/models.js';
import { describeWithPython, runScript } from '../support/python.js';
import { Reference } from '../support/reference.js';

describeWithPython('MedSAM2 size, against torch in the same run', () => {
  let folder: string;
  let registry: Awaited<ReturnType<typeof temporaryRegistry>>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'medsam2-full-size-'));
    registry = await temporaryRegistry();
  });

  afterAll(async () => {
    await registry.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  test('logits within 1e-3 and masks equal on 99.99 % of pixels over 12 slices, both directions', async () => {
    const weights = join(folder, 'weights.pt');
    const recording = join(folder, 'reference.safetensors');
    // A seed whose masks cover part of the image, so that their outlines are long and equality means something.
    runScript('random_checkpoint.py', 'medsam2', weights, '--seed', '7');
    const size = ['--slices', '12', '--rows', '384', '--columns', '448'];
    runScript('record_reference.py', 'medsam2', weights, recording, '--flows', 'mask', ...size);
    const model = await installModel(registry, weights, 'medsam2', 'full-size');
    const { segmenter } = await openModel(model, { device: { kind: 'cpu', index: 0 } });
    try {
      const reference = await Reference.open(recording);
      const forward = await compareFlow(segmenter, reference, 'mask', 'forward');
      const backward = await compareFlow(segmenter, reference, 'mask', 'backward');
      expect(forward.slices + backward.slices).toBe(13);
      const { masks } = await reference.pass('mask', 'forward');
      const covered = masks.reduce((sum, value) => sum + value, 0) / masks.length;
      process.stderr.write(
        `full size: max |logit difference| forward ${forward.logits.toExponential(2)}, ` +
          `backward ${backward.logits.toExponential(2)}; equal pixels ${forward.equalPixels}, ${backward.equalPixels}; ` +
          `masks cover ${(100 * covered).toFixed(0)} %\n`,
      );
      expect(covered).toBeGreaterThan(0.1);
      expect(covered).toBeLessThan(0.9);
      for (const difference of [forward, backward]) {
        expect(difference.logits).toBeLessThanOrEqual(1e-3);
        expect(difference.equalPixels).toBeGreaterThanOrEqual(0.9999);
      }
    } finally {
      await segmenter.close();
    }
  }, 900_000);
});
