import { Segmenter } from '../engine/segmenter.js';
import { MemoryRunner } from '../engine/testing/memory-runner.js';
import { ModelHost } from './models.js';
import { toyModel } from './testing/harness.js';

function host(maxOpen: number) {
  const opened: string[] = [];
  const closed: string[] = [];
  let failures = 0;
  const models = new ModelHost({
    resolve: (name) => Promise.resolve(toyModel(name ?? 'usual')),
    open: ({ name }) => {
      if (failures-- > 0) return Promise.reject(new Error('no device'));
      opened.push(name);
      const runner = new MemoryRunner();
      const close = runner.close.bind(runner);
      runner.close = () => {
        closed.push(name);
        return close();
      };
      return Promise.resolve({ segmenter: new Segmenter(runner, { featureBudget: 1e6 }), device: 'cpu' });
    },
    maxOpen,
  });
  return { models, opened, closed, fail: (times: number) => (failures = times) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('opens a model once for all who use it', async () => {
  const { models, opened } = host(2);
  const [first, second] = await Promise.all([models.acquire('a'), models.acquire('a')]);
  expect(opened).toEqual(['a']);
  expect(first.segmenter).toBe(second.segmenter);
  expect(models.loaded()).toMatchObject([{ name: 'a', device: 'cpu' }]);
});

it('closes the one that was not used for longest, never one in use', async () => {
  const { models, closed, opened } = host(2);
  const a = await models.acquire('a');
  const b = await models.acquire('b');
  const c = await models.acquire('c');
  expect(closed).toEqual([]);
  b.release();
  await settled();
  expect(closed).toEqual(['b']);
  a.release();
  a.release();
  c.release();
  await settled();
  expect(closed).toEqual(['b']);
  await models.acquire('c');
  expect(opened).toEqual(['a', 'b', 'c']);
  await models.acquire('d');
  await settled();
  expect(closed).toEqual(['b', 'a']);
});

it('tries again after a model could not be opened', async () => {
  const { models, fail } = host(1);
  fail(1);
  await expect(models.acquire('a')).rejects.toThrow('no device');
  expect((await models.acquire('a')).device).toBe('cpu');
});
