import type { Call, Priority } from '../engine/graph-runner.js';
import { DeviceQueue } from './queue.js';

/** A queue whose tasks finish when they are told to. */
function make() {
  const queue = new DeviceQueue();
  const started: string[] = [];
  const finish = new Map<string, (error?: Error) => void>();
  const add = (name: string, call: Call | Priority = 'propagation') => {
    const promise = queue.run(typeof call === 'string' ? { priority: call } : call, () => {
      started.push(name);
      return new Promise<string>((resolve, reject) => {
        finish.set(name, (error) => (error === undefined ? resolve(name) : reject(error)));
      });
    });
    promise.catch(() => undefined);
    return promise;
  };
  return { queue, started, add, finish: (name: string, error?: Error) => finish.get(name)?.(error) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('runs one call at a time, first come first served among equals', async () => {
  const { queue, started, add, finish } = make();
  const results = ['a', 'b', 'c'].map((name) => add(name));
  for (const name of ['a', 'b', 'c']) {
    await settled();
    expect(started.at(-1)).toBe(name);
    finish(name);
  }
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c']);
  expect(started).toEqual(['a', 'b', 'c']);
  expect(queue.length).toBe(0);
});

it('serves interactive calls before propagation, propagation before what is encoded ahead', async () => {
  const { queue, started, add, finish } = make();
  void add('running', 'prefetch');
  await settled();
  void add('prefetch 1', 'prefetch');
  void add('propagation 1');
  void add('click 1', 'interactive');
  void add('propagation 2');
  void add('click 2', 'interactive');
  expect(queue.length).toBe(5);
  for (let i = 0; i < 6; i++) {
    await settled();
    finish(started.at(-1) ?? '');
  }
  expect(started).toEqual(['running', 'click 1', 'click 2', 'propagation 1', 'propagation 2', 'prefetch 1']);
});

it('orders calls of the same turn by urgency as well', async () => {
  const { started, add } = make();
  void add('prefetch', 'prefetch');
  void add('click', 'interactive');
  await settled();
  expect(started).toEqual(['click']);
});

it('reads the priority when the device is free, so that a call may rise while it waits', async () => {
  const { started, add, finish } = make();
  void add('running');
  await settled();
  const rising: { priority: Priority } = { priority: 'prefetch' };
  void add('first');
  void add('rising', rising);
  rising.priority = 'interactive';
  finish('running');
  await settled();
  expect(started).toEqual(['running', 'rising']);
});

it('drops a call that is cancelled before it starts, and lets a started one end', async () => {
  const { queue, started, add, finish } = make();
  const [one, two, before] = [new AbortController(), new AbortController(), AbortSignal.abort()];
  const running = add('running', { priority: 'propagation', signal: one.signal });
  const waiting = add('waiting', { priority: 'propagation', signal: two.signal });
  const after = add('after');
  await expect(add('never', { priority: 'interactive', signal: before })).rejects.toMatchObject({ name: 'AbortError' });
  await settled();
  one.abort();
  two.abort(new Error('the user went away'));
  await expect(waiting).rejects.toThrow('the user went away');
  expect(queue.length).toBe(1);
  finish('running');
  expect(await running).toBe('running');
  await settled();
  finish('after');
  expect(await after).toBe('after');
  expect(started).toEqual(['running', 'after']);
});

it('goes on when all that waited was cancelled', async () => {
  const { queue, started, add, finish } = make();
  const abort = new AbortController();
  // Cancelled in the turn in which it came, before the device looks at it.
  void add('cancelled', { priority: 'propagation', signal: abort.signal });
  abort.abort();
  await settled();
  expect(queue.length).toBe(0);
  const later = add('later');
  await settled();
  finish('later');
  expect(await later).toBe('later');
  expect(started).toEqual(['later']);
});

it('is not stalled by calls that fail', async () => {
  const { started, add, finish } = make();
  const failing = add('failing');
  const next = add('next');
  await settled();
  finish('failing', new Error('out of memory'));
  await expect(failing).rejects.toThrow('out of memory');
  await settled();
  finish('next');
  expect(await next).toBe('next');
  expect(started).toEqual(['failing', 'next']);
});

it('is not stalled by a task that fails at once', async () => {
  const { queue } = make();
  const refused = () => Promise.reject(new Error('refused'));
  await expect(queue.run({ priority: 'propagation' }, refused)).rejects.toThrow('refused');
  await expect(queue.run({ priority: 'propagation' }, () => Promise.resolve('next'))).resolves.toBe('next');
});
