import { Gate, Turns } from './gate.js';

it('lets others wait until nobody is inside', async () => {
  const gate = new Gate();
  let leave = (): void => undefined;
  const inside = gate.during(() => new Promise<void>((resolve) => (leave = resolve)));
  let isFree = false;
  const waiting = gate.whenFree(new AbortController().signal).then(() => (isFree = true));
  await Promise.resolve();
  expect([isFree, gate.isFree]).toEqual([false, false]);
  leave();
  await inside;
  await waiting;
  expect(isFree).toBe(true);
});

it('ends the waiting of those who are told to stop', async () => {
  const gate = new Gate();
  void gate.during(() => new Promise(() => undefined));
  const stop = new AbortController();
  const waiting = gate.whenFree(stop.signal);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});

it('takes turns in order, whatever became of the one before', async () => {
  const turns = new Turns();
  const order: number[] = [];
  const failing = turns.run(() => Promise.reject(new Error('no')));
  const next = [1, 2, 3].map((number) => turns.run(() => Promise.resolve(order.push(number))));
  await expect(failing).rejects.toThrow('no');
  await Promise.all(next);
  expect(order).toEqual([1, 2, 3]);
});
