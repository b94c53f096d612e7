import { VolumeStore, type StoredVolume } from './store.js';

const stored = (bytes: number, owner = 'alice', closed: string[] = [], name = ''): StoredVolume => ({
  owner,
  volume: { slices: 1, rows: 1, columns: bytes, channels: 1, voxels: new Uint8Array(bytes) },
  extraBytes: 10,
  opened: {
    model: 'm',
    stack: {
      preview: () => Promise.resolve([]),
      propagate: async function* () {
        // nothing
      },
      close: () => void closed.push(name),
    },
  },
});

describe('volumes by name', () => {
  let time = 0;
  let store: VolumeStore<StoredVolume>;
  beforeEach(() => {
    time = 0;
    store = new VolumeStore({ memoryBytes: 300, volumes: 3, idleSeconds: 60 }, () => time);
  });
  afterEach(() => store.close());

  it('are their owner’s alone', async () => {
    store.put('a', stored(10));
    expect([store.has('a', 'alice'), store.has('a', 'bob')]).toEqual([true, false]);
    expect(await store.with('a', 'bob', () => Promise.resolve(1))).toBeUndefined();
  });

  it('make room by age, but not while they are used, and not in vain', async () => {
    const closed: string[] = [];
    store.put('old', stored(90, 'alice', closed, 'old'));
    time = 1000;
    store.put('new', stored(90, 'alice', closed, 'new'));
    expect(() => store.reserve(301)).toThrow(/do not fit/);
    expect(closed).toEqual([]);
    await store.with('old', 'alice', () => {
      store.reserve(150)();
      return Promise.resolve(0);
    });
    expect(closed).toEqual(['new']);
    const release = store.reserve(200);
    expect(store.bytes).toBe(300);
    expect(() => store.reserve(250)).toThrow(/do not fit/);
    release();
    release();
    expect(store.bytes).toBe(100);
  });

  it('are forgotten when nobody asks any more', () => {
    store.put('a', stored(10));
    time = 61_000;
    expect(store.has('a', 'alice')).toBe(false);
  });

  it('are no more than allowed', () => {
    for (const name of ['a', 'b', 'c', 'd']) {
      time += 1;
      store.put(name, stored(1));
    }
    expect(['a', 'b', 'c', 'd'].map((name) => store.has(name, 'alice'))).toEqual([false, true, true, true]);
  });
});
