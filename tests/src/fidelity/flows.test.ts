/**
 * Whole flows of the engine against recordings of Meta's own video predictor, on a small model with random weights
 * (every mechanism of the large one: padded and pooled windows, several heads, memories, pointers, absence).
 */
import { openModel, type Segmenter } from '@medsam2/server';
import { compareFlow } from '../support/compare-flow.js';
import { fixtureReference, fixtureWeights, installModel, temporaryRegistry } from '../support/models.js';
import { Reference } from '../support/reference.js';

let registry: Awaited<ReturnType<typeof temporaryRegistry>>;
let segmenter: Segmenter;
let reference: Reference;

beforeAll(async () => {
  registry = await temporaryRegistry();
  const model = await installModel(registry, fixtureWeights, 'fixture', 'fixture');
  ({ segmenter } = await openModel(model, { device: { kind: 'cpu', index: 0 }, threads: 1 }));
  reference = await Reference.open(fixtureReference);
});

afterAll(async () => {
  await segmenter.close();
  await registry.dispose();
});

const flows = ['box', 'mask', 'refine', 'absent', 'click', 'box_and_points', 'two_boxes'];

test('the recording has exactly the flows that are compared', () => {
  expect(Object.keys(reference.flows).sort()).toEqual([...flows].sort());
});

test.each(flows.flatMap((flow) => [[flow, 'forward'] as const, [flow, 'backward'] as const]))(
  '%s %s: logits within 1e-4, masks equal',
  async (flow, direction) => {
    const difference = await compareFlow(segmenter, reference, flow, direction);
    expect(difference.slices).toBeGreaterThan(1);
    expect(difference.logits).toBeLessThan(1e-4);
    // The presence head of this random model is three times as steep as its masks.
    expect(difference.presence).toBeLessThan(1e-3);
    expect(difference.equalPixels).toBe(1);
  },
);

test('the recordings contain a slice the user calls empty, and one on which the model loses the object', async () => {
  const { absent } = await compareFlow(segmenter, reference, 'absent', 'forward');
  expect(absent).toBe(2);
});
