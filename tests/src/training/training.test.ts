/** The trainer at small scale: it learns, goes on where it stopped as if it had not, and its weights run in the engine. */
import { largestDifference } from '../support/reference.js';
import { readCheckpointFile } from './read-weights.js';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installModel, temporaryRegistry } from '../support/models.js';
import { describeWithPython, runScript } from '../support/python.js';

interface LogRow {
  readonly step: number;
  readonly loss?: number;
}

describeWithPython('training', () => {
  const folder = mkdtempSync(join(tmpdir(), 'medsam2-training-'));
  const volumes = join(folder, 'volumes');
  const start = join(folder, 'start.pt');
  const small = ['--model', 'fixture', '--threads', '1', '--workers', '0', '--device', 'cpu', '--warmup', '1'];
  const fineTune = [...small, '--init', start, '--data', volumes, '--no-augment', '--clips', '0:2x3', '--steps', '16'];
  const rates = ['--lr', '2e-3', '--vision-lr', '2e-3', '--average', '0.5'];

  const log = (run: string): LogRow[] =>
    readFileSync(join(folder, run, 'log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LogRow);

  const train = (run: string, ...args: string[]) => runScript('training/train.py', ...args, '--out', join(folder, run));

  beforeAll(() => {
    runScript('training/make_npz.py', volumes, '--count', '2', '--first-seed', '44');
    runScript('random_checkpoint.py', 'fixture', start, '--presence-shift', '3');
  }, 120_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('generated volumes depend on their seed alone', () => {
    const again = join(folder, 'again');
    runScript('training/make_npz.py', again, '--count', '2', '--first-seed', '44');
    const digests = (path: string) =>
      readdirSync(path).map((file) =>
        createHash('sha256')
          .update(readFileSync(join(path, file)))
          .digest('hex'),
      );
    expect(new Set(digests(volumes)).size).toBe(2);
    expect(digests(again)).toEqual(digests(volumes));
  }, 60_000);

  test('fine-tuning on npz files lowers the loss, and the engine takes the weights', async () => {
    train('whole', ...fineTune, ...rates);
    const losses = log('whole').map(({ loss }) => loss ?? NaN);
    expect(losses).toHaveLength(16);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(losses.slice(-4))).toBeLessThan(0.8 * mean(losses.slice(0, 4)));
    expect(existsSync(join(folder, 'whole', 'curves.png'))).toBe(true);

    const registry = await temporaryRegistry();
    try {
      const model = await installModel(registry, join(folder, 'whole', 'weights.pt'), 'fixture', 'tuned');
      expect(model.architecture.name).toBe('fixture');
    } finally {
      await registry.dispose();
    }
  }, 240_000);

  test('an interrupted run ends in the same weights as an uninterrupted one', async () => {
    train('halves', ...fineTune, ...rates, '--pause-at', '7');
    expect(log('halves').at(-1)?.step).toBe(7);
    train('halves', ...fineTune, ...rates);
    const whole = await readCheckpointFile(join(folder, 'whole', 'weights.pt'));
    const halves = await readCheckpointFile(join(folder, 'halves', 'weights.pt'));
    expect([...halves.keys()]).toEqual([...whole.keys()]);
    for (const [key, values] of whole) expect([key, halves.get(key)]).toEqual([key, values]);
  }, 240_000);

  test('trains from scratch on generated scenes and exports half-precision weights', async () => {
    train(
      'scenes',
      ...small,
      '--clips',
      '0:2x1,2:2x3',
      '--steps',
      '3',
      '--validate-every',
      '3',
      '--validation-cases',
      '2',
    );
    const rows = log('scenes');
    expect(rows.map(({ step }) => step)).toEqual([1, 2, 3, 3]);
    const figures = rows.at(-1) ?? {};
    expect(Object.keys(figures)).toEqual(expect.arrayContaining(['key_dice', 'volume_dice', 'key_empty', 'ends']));
    const exported = join(folder, 'weights.safetensors');
    runScript('export_weights.py', join(folder, 'scenes', 'weights.pt'), exported, 'fixture');
    const [full, half] = [
      await readCheckpointFile(join(folder, 'scenes', 'weights.pt')),
      await readCheckpointFile(exported),
    ];
    expect([...half.keys()]).toEqual([...full.keys()]);
    for (const [key, values] of full) {
      const difference = largestDifference(half.get(key) ?? new Float32Array(0), values);
      expect([key, difference]).toEqual([key, expect.closeTo(0, 2)]);
    }
    expect(statSync(exported).size).toBeLessThan(0.6 * statSync(join(folder, 'scenes', 'weights.pt')).size);
  }, 240_000);

  test('asks tracked slices again with a box, and uses its batches as often as it is told', () => {
    const many = ['--clips', '0:2x2', '--steps', '16', '--repeat', '2', '--boxed', '1', '--read-back', '0'];
    train('boxed', ...small, ...many, '--lr', '1e-9', '--validate-every', '0');
    const rows = log('boxed') as unknown as Record<string, number>[];
    expect(rows).toHaveLength(16);
    for (const row of rows) {
      for (const name of ['loss', 'box_mask', 'box_iou', 'box_presence']) expect(Number.isFinite(row[name])).toBe(true);
    }
    // At such a rate nothing is learnt: the same batch has the same loss on its prompted slices.
    const prompted = rows.map(({ mask }) => mask);
    for (let step = 0; step < 8; step++) expect(prompted[step + 8]).toBeCloseTo(prompted[step], 3);
    expect(new Set(prompted.slice(0, 8)).size).toBeGreaterThan(4);
  }, 240_000);

  test.each([
    ['an empty folder', () => undefined, /holds no npz file/],
    [
      'a file that is none',
      (path: string) => writeFileSync(join(path, 'a.npz'), 'no zip'),
      /a\.npz is not a readable npz/,
    ],
  ])('names what is wrong with %s', (_, prepare, message) => {
    const path = mkdtempSync(join(folder, 'bad-'));
    prepare(path);
    const run = [...small, '--init', start, '--data', path, '--steps', '1'];
    expect(() => train('bad', ...run)).toThrow(message);
  });
});
