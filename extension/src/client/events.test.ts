import { encodeFrame, type EventHeader } from '@medsam2/protocol/stream';
import { unreachable } from './api-error.js';
import { systemClock, type Clock } from './clock.js';
import { followEvents } from './events.js';

const frame = (header: EventHeader): Uint8Array => encodeFrame({ header, payload: new Uint8Array(0) });
const ping = frame({ type: 'ping' });
const closed = frame({ type: 'closed', reason: 'idle' });

/** Waits are over at once, silences after a moment. */
const hasty: Clock = {
  ...systemClock(),
  after: (ms, work) => systemClock().after(ms >= 40_000 ? 30 : 0, work),
};

/** @param pieces of a connection; it breaks when they end, unless it is to stay silent */
function stream(
  pieces: readonly Uint8Array[],
  silent: AbortSignal | undefined = undefined,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      if (silent === undefined) controller.close();
      else silent.addEventListener('abort', () => controller.error(new DOMException('silent', 'AbortError')));
    },
  });
}

/** Follows connections one after another until they are used up. @returns what was heard */
async function hear(connections: readonly ((signal: AbortSignal) => ReadableStream<Uint8Array>)[]): Promise<string[]> {
  const heard: string[] = [];
  let next = 0;
  const goOn = (): Promise<boolean> => Promise.resolve(next < connections.length);
  await followEvents({
    clock: hasty,
    signal: new AbortController().signal,
    open: (signal) => {
      heard.push('open');
      return Promise.resolve(connections[next++](signal));
    },
    onEvents: (events) => heard.push(...events.map(({ header }) => header.type)),
    onBroken: ({ kind }) => {
      heard.push(kind);
      return goOn();
    },
    onClosed: (reason) => {
      heard.push(`closed: ${reason}`);
      return goOn();
    },
  });
  return heard;
}

it('reads events whatever way they are cut', async () => {
  const bytes = new Uint8Array([...ping, ...ping, ...closed]);
  const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
  expect(await hear([() => stream(pieces)])).toEqual(['open', 'ping', 'ping', 'closed', 'closed: idle']);
});

it('connects again after an end in the middle, garbage, and silence', async () => {
  const garbage = new Uint8Array([255, 255, 255, 255, 1]);
  const heard = await hear([
    () => stream([ping, ping.subarray(0, 5)]),
    () => stream([garbage]),
    (signal) => stream([ping], signal),
    () => stream([closed]),
  ]);
  expect(heard).toEqual([
    ...['open', 'ping', 'unreachable'],
    ...['open', 'unreachable'],
    ...['open', 'ping', 'unreachable'],
    ...['open', 'closed', 'closed: idle'],
  ]);
});

it('does not hide a defect of whoever listens', async () => {
  const listening = followEvents({
    clock: hasty,
    signal: new AbortController().signal,
    open: () => Promise.resolve(stream([ping])),
    onEvents: () => {
      throw new RangeError('a defect');
    },
    onBroken: () => Promise.reject(unreachable()),
    onClosed: () => Promise.resolve(false),
  });
  await expect(listening).rejects.toThrow('a defect');
});
