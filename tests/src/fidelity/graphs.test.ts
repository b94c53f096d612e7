/** Every graph of the small model, run as it is bound to the checkpoint, against tensors of the reference modules. */
import { graphNames, type GraphName } from '@medsam2/models';
import * as onnxruntime from 'onnxruntime-node';
import { fixtureReference, fixtureWeights, installModel, temporaryRegistry } from '../support/models.js';
import { largestDifference, Reference } from '../support/reference.js';

let registry: Awaited<ReturnType<typeof temporaryRegistry>>;
let reference: Reference;
const sessions = new Map<GraphName, onnxruntime.InferenceSession>();

beforeAll(async () => {
  registry = await temporaryRegistry();
  const model = await installModel(registry, fixtureWeights, 'fixture', 'fixture');
  for (const name of graphNames) {
    sessions.set(name, await onnxruntime.InferenceSession.create(model.graphPaths[name]));
  }
  reference = await Reference.open(fixtureReference);
});

afterAll(async () => {
  for (const session of sessions.values()) await session.release();
  await registry.dispose();
});

async function input(prefix: string, name: string): Promise<onnxruntime.Tensor> {
  const key = `${prefix}/in/${name}`;
  return new onnxruntime.Tensor('float32', await reference.tensor(key), reference.shape(key));
}

async function compare(graph: GraphName, prefix: string, empty: Record<string, number[]> = {}): Promise<void> {
  const session = sessions.get(graph);
  if (session === undefined) throw new Error(`${graph} is not loaded`);
  const feeds: Record<string, onnxruntime.Tensor> = {};
  for (const name of session.inputNames) {
    feeds[name] =
      name in empty ? new onnxruntime.Tensor('float32', new Float32Array(0), empty[name]) : await input(prefix, name);
  }
  const outputs = await session.run(feeds);
  const recorded = reference.keys(`${prefix}/out/`);
  expect(recorded.sort()).toEqual([...session.outputNames].sort());
  for (const name of recorded) {
    const expected = await reference.tensor(`${prefix}/out/${name}`);
    expect(outputs[name].dims).toEqual(reference.shape(`${prefix}/out/${name}`));
    expect(largestDifference(outputs[name].data as Float32Array, expected)).toBeLessThan(1e-4);
  }
}

test('image encoder, two images at once', () => compare('image_encoder', 'graph/image_encoder'));

test.each(['first', 'full'])('memory attention, %s bank', (bank) =>
  compare('memory_attention', `graph/memory_attention/${bank}`),
);

test('memory attention without any pointer', () =>
  compare('memory_attention', 'graph/memory_attention/no_pointer', { ptr: [2, 0, 32], ptr_pos: [0, 16] }));

test.each(['box', 'clicks', 'none'])('mask decoder, prompt: %s; with and without a dense mask', (prompt) =>
  compare('mask_decoder', `graph/mask_decoder/${prompt}`),
);

test('memory encoder, object present and absent', () => compare('memory_encoder', 'graph/memory_encoder'));
