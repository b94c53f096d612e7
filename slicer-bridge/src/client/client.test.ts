import { Client, type Click } from './client.js';
import { Clients } from './clients.js';

const identity = (key: string) => ({ key, short: key, place: key });
const never = new AbortController().signal;
const size = { slices: 1, rows: 2, columns: 2 };

const upload = (crc32: number) => ({
  kind: 'image' as const,
  size,
  mark: { crc32, bytes: 4 },
  volume: { ...size, channels: 1 as const, voxels: new Uint8Array(4) },
  boxes: [],
  start: 0,
  end: 0,
  slice: 0,
});

describe('clicks under one identity', () => {
  it('are served one after the other, in order', async () => {
    const client = new Client(identity('a'), false, Date.now);
    const order: string[] = [];
    const clicks: Click[] = [];
    const begin = (name: string): Promise<void> =>
      client.begin(never).then((click) => {
        order.push(name);
        clicks.push(click);
      });
    await begin('first');
    const rest = [begin('second'), begin('third')];
    await Promise.resolve();
    expect(order).toEqual(['first']);
    clicks[0].end();
    await rest[0];
    expect(order).toEqual(['first', 'second']);
    clicks[0].end(); // an old click ends nothing
    await Promise.resolve();
    expect(client.click).toBe(clicks[1]);
    clicks[1].end();
    await rest[1];
    expect(order).toEqual(['first', 'second', 'third']);
  });

  it('that wait are left out when their client goes away', async () => {
    const client = new Client(identity('a'), false, Date.now);
    const first = await client.begin(never);
    const gone = new AbortController();
    const second = client.begin(gone.signal);
    const third = client.begin(never);
    gone.abort();
    await expect(second).rejects.toThrow();
    first.end();
    expect((await third).state).toBe('receiving');
  });

  it('end by themselves when their next request does not come', async () => {
    const client = new Client(identity('a'), false, Date.now);
    (await client.begin(never)).expect(0.01);
    await expect(client.begin(never)).resolves.toBeDefined();
  });
});

describe('what is held of clients', () => {
  it('is at most two volumes of each, and equal volumes once', () => {
    const client = new Client(identity('a'), false, Date.now);
    const one = client.addCase(upload(1));
    const again = client.addCase({ ...upload(1), volume: one.held.volume! });
    expect(again.held).toBe(one.held);
    client.addCase(upload(2));
    client.addCase(upload(3));
    expect(one.held.volume).toBeUndefined();
    expect(client.volumes().map(({ mark }) => mark.crc32)).toEqual([2, 3]);
  });

  it('makes room by forgetting what was not used for longest, never what is in use', async () => {
    let now = 0;
    const clients = new Clients({ clients: 8, memoryBytes: 10, idleSeconds: 60 }, () => now);
    const [old, busy, asking] = ['old', 'busy', 'asking'].map((name) => {
      now++;
      return clients.get(identity(name), false);
    });
    const forgotten = old.addCase(upload(1));
    const kept = busy.addCase(upload(2));
    await busy.begin(never);
    const click = await asking.begin(never);
    clients.reserve(click, asking, 4);
    expect([forgotten.held.volume, kept.held.volume === undefined]).toEqual([undefined, false]);
    expect(clients.bytes).toBe(8);
    expect(() => clients.reserve(click, asking, 4)).toThrow('do not fit');
    clients.close();
  });

  it('expires, and is limited in number', () => {
    let now = 0;
    const clients = new Clients({ clients: 2, memoryBytes: 10, idleSeconds: 60 }, () => now);
    const first = clients.get(identity('a'), false);
    expect(clients.get(identity('a'), false)).toBe(first);
    now = 61_000;
    expect(clients.get(identity('a'), false)).not.toBe(first);
    for (const name of ['b', 'c', 'd']) clients.get(identity(name), false);
    expect(clients.get(identity('d'), false)).toBe(clients.get(identity('d'), false));
    clients.close();
  });
});
