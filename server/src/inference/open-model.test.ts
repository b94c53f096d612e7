import * as onnxruntime from 'onnxruntime-node';
import type { Machine } from './devices.js';
import { openModel } from './open-model.js';
import { installFixture } from './testing/fixture-model.js';

/** As if it had a card that `auto` should try; whether it has one is for the runtime to find out. */
const pretended: Machine = { platform: 'linux', nvidia: true, renderNode: false, cores: 2 };

let fixture: Awaited<ReturnType<typeof installFixture>>;

beforeAll(async () => {
  fixture = await installFixture();
});

afterAll(() => fixture.remove());

it('opens a model on the CPU with the threads of the machine, or those asked for', async () => {
  for (const [threads, expected] of [
    [undefined, 2],
    [1, 1],
  ]) {
    const opened = await openModel(fixture.model, { device: { kind: 'cpu', index: 0 }, threads, machine: pretended });
    expect(opened).toMatchObject({ device: 'cpu', threads: expected });
    await opened.segmenter.close();
  }
});

/** A machine with the CUDA libraries and a card takes the model; everywhere else the reason is one line. */
it('says in one line why CUDA cannot be used', async () => {
  const opening = openModel(fixture.model, { device: { kind: 'cuda', index: 0 } });
  const result = await opening.catch((error: unknown) => error);
  if (!(result instanceof Error)) {
    await (await opening).segmenter.close();
    return;
  }
  expect(result).toMatchObject({ name: 'UserError', code: 'device-unusable' });
  expect(result.message).toMatch(/^The model cannot be loaded on cuda: .+/);
  expect(result.message).not.toContain('\n');
});

it.each(['coreml', 'dml'] as const)('does not run on the CPU under the name of %s', async (kind) => {
  const known = onnxruntime.listSupportedBackends().some(({ name }) => name === kind);
  if (known) return;
  await expect(openModel(fixture.model, { device: { kind, index: 0 } })).rejects.toMatchObject({
    code: 'device-unusable',
    message: expect.stringContaining('this build of onnxruntime knows cpu') as string,
  });
});

it('takes the first device that works when it may choose, and tells why others do not', async () => {
  const lines: string[] = [];
  const opened = await openModel(fixture.model, {
    device: { kind: 'auto' },
    machine: pretended,
    log: (line) => lines.push(line),
  });
  await opened.segmenter.close();
  const passedOver = { cuda: 0, webgpu: 1, cpu: 2 }[opened.device as string];
  expect(lines).toHaveLength(passedOver ?? NaN);
  ['cuda', 'webgpu'].slice(0, passedOver).forEach((device, index) => {
    expect(lines[index]).toMatch(new RegExp(`^The model cannot be loaded on ${device}: .+ Trying the next device\\.$`));
  });
});

it('says why every device failed when none works', async () => {
  const broken = {
    ...fixture.model,
    graphPaths: { ...fixture.model.graphPaths, memory_attention: '/nowhere/memory_attention.onnx' },
  };
  const machine: Machine = { ...pretended, nvidia: false, renderNode: true };
  await expect(openModel(broken, { device: { kind: 'auto' }, machine })).rejects.toMatchObject({
    code: 'device-unusable',
    message: expect.stringMatching(/webgpu: .*cpu: /) as string,
  });
});
