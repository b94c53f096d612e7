import { startTestBridge, type TestBridge } from './bridge.js';
import { brightPixels } from './libraries.js';
import { float64, int16, int64, labelsOf, npz, PlugIn, type Reply } from './plug-in.js';

/** Rounds of each of eight clients, 200 in all; more: MEDSAM2_BRIDGE_ROUNDS=200. */
const rounds = Number(process.env.MEDSAM2_BRIDGE_ROUNDS ?? 25);

const [slices, rows, columns] = [3, 8, 8];
const area = rows * columns;

/** A volume whose bright pixels, the same on every slice, are a pattern of its own: 12 bits at fixed places, and one more. */
function pattern(id: number): Uint8Array {
  const mask = new Uint8Array(area);
  mask[0] = 1;
  for (let bit = 0; bit < 12; bit++) mask[2 + 4 * bit] = (id >> bit) & 1;
  return mask;
}

const image = (mask: Uint8Array): Promise<Buffer> =>
  npz({
    imgs: int16(
      [slices, rows, columns],
      Int16Array.from({ length: slices * area }, (_, i) => mask[i % area] * 200),
    ),
    boxes: int64([1, 4], [0, 0, columns - 1, rows - 1]),
    z_range: int64([3], [0, 2, 1]),
  });

function middleMask(mask: Uint8Array): Promise<Buffer> {
  const labels = new Float64Array(slices * area);
  labels.set(mask, area);
  return npz({ segs: float64([slices, rows, columns], labels) });
}

/** The pattern in a result's slice, or why there is none. */
async function seen(reply: Reply, slice = 1): Promise<string> {
  const { values, message } = await labelsOf(reply);
  return message ?? values.subarray(slice * area, (slice + 1) * area).join('');
}

const shown = (mask: Uint8Array): string => mask.join('');

async function middleSlice(plugIn: PlugIn, mask: Uint8Array): Promise<string> {
  await plugIn.upload(await image(mask));
  await plugIn.run('N');
  return seen(await plugIn.download());
}

async function fullSegmentation(plugIn: PlugIn, painted: Uint8Array): Promise<Reply> {
  await plugIn.upload(await middleMask(painted), 'gts.npz');
  await plugIn.run('Y');
  return plugIn.download();
}

describe('several clients', () => {
  let bridge: TestBridge;
  beforeEach(async () => {
    bridge = await startTestBridge(brightPixels);
  });
  afterEach(() => bridge.close());

  it(
    'behind different addresses, users and paths never get each other’s results',
    async () => {
      const { port } = bridge;
      const clients = [
        {},
        { address: '127.0.0.2' },
        { address: '127.0.0.3' },
        { prefix: '/u/alice' },
        { prefix: '/u/bob' },
        { credentials: 'alice:a' },
        { credentials: 'bob:b' },
        { address: '127.0.0.2', prefix: '/u/alice', credentials: 'alice:a' },
      ].map((options) => new PlugIn({ port, ...options }));
      const wrong: string[] = [];
      await Promise.all(
        clients.map(async (plugIn, client) => {
          for (let round = 0; round < rounds; round++) {
            const mask = pattern(client * 512 + round + 1);
            const got = await middleSlice(plugIn, mask);
            if (got !== shown(mask)) wrong.push(`client ${client}, round ${round}: ${got}`);
            if (round % 12 !== 0) continue;
            const full = await seen(await fullSegmentation(plugIn, mask), 2);
            if (full !== shown(mask)) wrong.push(`client ${client}, full of round ${round}: ${full}`);
          }
        }),
      );
      expect(wrong).toEqual([]);
      // as long as it takes on a busy machine
    },
    120_000 + rounds * 3000,
  );

  it('that cannot be told apart are served one after the other', async () => {
    const twins = Array.from({ length: 3 }, () => new PlugIn({ port: bridge.port }));
    const wrong: string[] = [];
    await Promise.all(
      twins.map(async (plugIn, twin) => {
        for (let round = 0; round < 5; round++) {
          const mask = pattern(twin * 512 + round + 1);
          const got = await middleSlice(plugIn, mask);
          if (got !== shown(mask)) wrong.push(`twin ${twin}, round ${round}: ${got}`);
        }
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('that cannot be told apart get their own full segmentation, by what their mask says', async () => {
    const [a, b] = [new PlugIn({ port: bridge.port }), new PlugIn({ port: bridge.port })];
    const [maskA, maskB] = [pattern(0b101), pattern(0b010)];
    await middleSlice(a, maskA);
    await middleSlice(b, maskB);
    expect(await seen(await fullSegmentation(a, maskA), 2)).toBe(shown(maskA));
    expect(await seen(await fullSegmentation(b, maskB), 2)).toBe(shown(maskB));
  });

  it('that cannot be told apart are refused where nothing tells whose mask it is', async () => {
    const [a, b] = [new PlugIn({ port: bridge.port }), new PlugIn({ port: bridge.port })];
    await middleSlice(a, pattern(0b101));
    await middleSlice(b, pattern(0b111));
    // edited, and like both
    const edited = pattern(0b100);
    const reply = await fullSegmentation(a, edited);
    expect(reply.status).toBe(409);
    expect(await seen(reply)).toMatch(/cannot be told.*Port field/);
    expect((await labelsOf(reply)).values.some((value) => value > 0)).toBe(false);
    expect(bridge.log.at(-1)).toMatchObject({ code: 'client-ambiguous', status: 409 });
  });

  it('with a path of their own mean their newest volume', async () => {
    const alice = new PlugIn({ port: bridge.port, prefix: '/u/alice' });
    await middleSlice(alice, pattern(0b101));
    await middleSlice(alice, pattern(0b111));
    expect(await seen(await fullSegmentation(alice, pattern(0b100)), 2)).toBe(shown(pattern(0b111)));
  });

  it('never get a result that is not new', async () => {
    const plugIn = new PlugIn({ port: bridge.port });
    await middleSlice(plugIn, pattern(1));
    // a second download, and one after a failure
    expect(await seen(await plugIn.download())).toMatch(/no result/);
    await plugIn.upload(Buffer.from('no npz'));
    expect((await plugIn.run('N')).status).toBe(422);
    const reply = await plugIn.download();
    expect(reply.status).toBe(422);
    // as large as the volume that the user looks at, so that the plug-in can show it
    expect((await labelsOf(reply)).shape).toEqual([slices, rows, columns]);
    expect(await seen(reply)).toMatch(/no readable npz/);
  });

  it('that are killed in the middle of a click hold nobody up', async () => {
    const impatient = await startTestBridge(brightPixels, { settleSeconds: 2 });
    const [dead, alive] = [new PlugIn({ port: impatient.port }), new PlugIn({ port: impatient.port })];
    await dead.upload(await image(pattern(1)));
    expect(await middleSlice(alive, pattern(2))).toBe(shown(pattern(2)));
    await impatient.close();
  });
});

describe('who may ask', () => {
  it('is decided by user and password, and a refused upload is taken to its end', async () => {
    const bridge = await startTestBridge(
      brightPixels,
      {},
      { authenticate: (given) => given?.user === 'alice' && given.password === 'secret' },
    );
    const stranger = new PlugIn({ port: bridge.port });
    expect((await stranger.upload(await image(pattern(1)))).status).toBe(401);
    expect((await stranger.run('N')).status).toBe(401);
    const reply = await stranger.download();
    expect([reply.status, await seen(reply)]).toEqual([401, expect.stringMatching(/user:password@/)]);
    const alice = new PlugIn({ port: bridge.port, credentials: 'alice:secret' });
    expect(await middleSlice(alice, pattern(1))).toBe(shown(pattern(1)));
    await bridge.close();
  });

  it('is no web page', async () => {
    const bridge = await startTestBridge(brightPixels);
    const page = new PlugIn({ port: bridge.port });
    const forged = await page.send('POST', '/upload', 'x', { Origin: 'https://elsewhere.example' });
    expect(forged.status).toBe(403);
    const status = await page.send('GET', '/status', '', { 'Sec-Fetch-Site': 'none' });
    expect([status.status, status.body.toString()]).toEqual([200, expect.stringMatching(/is running/)]);
    await bridge.close();
  });
});
