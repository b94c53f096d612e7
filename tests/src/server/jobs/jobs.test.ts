import { jobBodySchema, jobSchema, type JobBody, type JobState } from '@medsam2/protocol';
import { resolveModel, registrySettings } from '@medsam2/models';
import { openModel } from '@medsam2/server';
import { derivedUid, signatureOf, type WebhookSettings } from '@medsam2/server/jobs';
import { hasRedis, startRedis, type RedisServer } from '@medsam2/server/jobs/testing';
import { readSeg, validateSeg } from '@medsam2/server/segmentation';
import { makePhantom, sliceElements, writeInstance } from '@medsam2/server/testing';
import { createImageSource, resolveWindow } from '@medsam2/server';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { startJobServer, type JobServer, type JobServerOptions } from './server.js';

type Person = Parameters<JobServer['jobs']['submit']>[0];
const person = (id: string, ...roles: ('annotator' | 'admin')[]): Person => ({ id, roles: new Set(roles) });
const ada = person('ada', 'annotator');
const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error;
const [study, series] = ['1.2.826.0.1.3680043.10.1561.905.1000', '1.2.826.0.1.3680043.10.1561.905.2000'];
const phantom = makePhantom({ columns: 72, rows: 64, slices: 12, objects: 1, seed: 4, noise: 10 });
const [{ centre, radii }] = phantom.ellipsoids;
const keySlice = Math.round(centre[2]);
const box = [centre[0] - radii[0], centre[1] - radii[1], centre[0] + radii[0], centre[1] + radii[1]].map(Math.round);

/** What a user sends, with the defaults filled in. */
const body = (change: object = {}): JobBody =>
  jobBodySchema.parse({
    source: { study, series },
    segments: [{ label: 'Liver', prompts: [{ kind: 'box', place: { slice: keySlice }, box }] }],
    save: {},
    ...change,
  });

const kinds = hasRedis() ? ['on disk', 'in Redis'] : ['on disk'];

describeWithOrthanc('jobs', () => {
  let orthanc: Orthanc;
  let redis: RedisServer | undefined;
  let receiver: Server;
  let told: { readonly text: string; readonly signature: string }[] = [];
  let answers: number[] = [];
  let folder: string;
  let prefix: string;
  let servers: JobServer[] = [];
  let webhooks: WebhookSettings;
  let address: string;

  beforeAll(async () => {
    orthanc = await startOrthanc();
    redis = kinds.length > 1 ? await startRedis() : undefined;
    await orthanc.upload(sliceElements(phantom.volume, 905).map((elements) => writeInstance(elements)));
    receiver = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      request.on('end', () => {
        told.push({ text, signature: String(request.headers['medsam2-signature']) });
        response.writeHead(answers.shift() ?? 204, { location: 'http://127.0.0.1:1/' }).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    address = `http://127.0.0.1:${port}/told?x=1`;
    const backOff = { firstMs: 50, mostMs: 100 };
    webhooks = { hosts: [`http://127.0.0.1:${port}`], allowPrivate: true, secret: 'shared-secret', backOff };
  });
  afterAll(async () => {
    await new Promise((resolve) => receiver.close(resolve));
    await redis?.close();
    await orthanc.close();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'medsam2-jobs-'));
    prefix = `test-${randomUUID()}`;
    [told, answers] = [[], []];
  });
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.close(0)));
    servers = [];
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(kind: string, options: Partial<JobServerOptions> = {}): Promise<JobServer> {
    const shared = kind === 'in Redis' && redis ? { url: redis.url, prefix, lostMs: 1500 } : undefined;
    const server = await startJobServer({ folder, url: orthanc.url, redis: shared, webhooks, ...options });
    servers.push(server);
    return server;
  }
  async function ended({ jobs }: JobServer, id: string, who: Person = ada): Promise<JobState> {
    for (let left = 1500; left > 0; left--) {
      const job = await jobs.get(who, id);
      if (job.finished !== undefined) return jobSchema.parse(job);
      await sleep(20);
    }
    throw new Error(`it did not end: ${JSON.stringify(await jobs.get(who, id))}`);
  }
  async function message(): Promise<{ readonly text: string; readonly signature: string }> {
    for (let left = 500; left > 0 && told.length === 0; left--) await sleep(20);
    const [first] = told.splice(0);
    return first;
  }
  async function held(uid: string): Promise<number> {
    const query = JSON.stringify({ Level: 'Instance', Query: { SOPInstanceUID: uid } });
    return ((await (await orthanc.fetch('/tools/find', { method: 'POST', body: query })).json()) as unknown[]).length;
  }

  describe.each(kinds)('queued %s', (kind) => {
    it('make of a box a verified segmentation, figures, and a signed message', async () => {
      const server = await start(kind);
      const submitted = await server.jobs.submit(ada, body({ webhook: address }));
      expect(submitted).toMatchObject({ state: expect.stringMatching(/queued|running/) as string, warnings: [] });
      const job = await ended(server, submitted.id);
      expect(job).toMatchObject({
        state: 'done',
        progress: 1,
        save: { state: 'verified', study, description: expect.stringMatching(/^Liver/) as string },
      });
      expect(job.warnings.join()).toMatch(/demonstration model/);
      expect(job.statistics?.[0].voxels).toBeGreaterThan(100);
      expect(job.statistics?.[0].unit).toBe('HU');

      const { save } = job;
      expect(save?.sopInstanceUid).toBe(derivedUid(job.id, 'instance'));
      const stored = await server.pacs.instance(study, save?.series ?? '', save?.sopInstanceUid ?? '');
      expect(validateSeg(stored).filter(({ severity }) => severity === 'error')).toEqual([]);
      const { segments, frames } = await readSeg(stored);
      expect(segments.map(({ label }) => label)).toEqual(['Liver']);
      const voxels = frames.reduce((sum, frame) => sum + frame.mask().reduce((pixels, value) => pixels + value, 0), 0);
      expect(voxels).toBe(job.statistics?.[0].voxels);

      const { text, signature } = await message();
      const [, time] = /^t=(\d+),v1=[0-9a-f]{64}$/.exec(signature) ?? [];
      expect(signatureOf(text, 'shared-secret', Number(time))).toBe(signature);
      expect(JSON.parse(text)).toMatchObject({
        event: 'job.ended',
        job: job.id,
        state: 'done',
        segmentation: { study, sopInstanceUid: save?.sopInstanceUid, state: 'verified' },
      });
      expect(text).not.toMatch(/Phantom|Liver/);
    });

    it('belong to their owner', async () => {
      const server = await start(kind);
      const { id } = await server.jobs.submit(ada, body({ save: undefined }));
      const eve = person('eve', 'annotator');
      await expect(server.jobs.get(eve, id)).rejects.toThrow(code('job-not-found'));
      await expect(server.jobs.cancel(eve, id)).rejects.toThrow(code('job-not-found'));
      await expect(server.jobs.get(ada, randomUUID())).rejects.toThrow(code('job-not-found'));
      expect(await server.jobs.list(eve)).toEqual([]);
      expect((await server.jobs.list(person('root', 'admin'))).map((job) => job.id)).toEqual([id]);
      const job = await ended(server, id);
      expect(job).toMatchObject({ state: 'done' });
      expect(job.save).toBeUndefined();
    });

    it('fail with a reason and a remedy', async () => {
      const server = await start(kind);
      const outside = { kind: 'box', place: { slice: 99 }, box: [1, 1, 5, 5] };
      const nothing = { kind: 'mask', place: { slice: 0 }, mask: { rows: 64, columns: 72, runs: '' } };
      const cases: readonly (readonly [object, string])[] = [
        [{ source: { study, series: '1.2.3' } }, 'series-not-found'],
        [{ source: { study, series, volume: 3 } }, 'no-such-volume'],
        [{ segments: [{ prompts: [outside] }] }, 'image-not-found'],
        [{ model: 'unknown' }, 'model-not-installed'],
        [{ window: { preset: 'none-such' } }, 'window-invalid'],
        [{ segments: [{ prompts: [nothing] }], propagate: { range: { first: 0, last: 0 } } }, 'nothing-to-save'],
      ];
      const ids = await Promise.all(cases.map(([change]) => server.jobs.submit(ada, body(change))));
      for (const [at, { id }] of ids.entries()) {
        const job = await ended(server, id);
        expect(job).toMatchObject({ state: 'failed', problem: { code: cases[at][1] } });
        expect(job.problem?.remedy).toMatch(/\w/);
      }
    });

    it('are limited, cancelled, and call nobody who is not allowed', async () => {
      const server = await start(kind, { perUser: 2 });
      const [first, second] = [
        await server.jobs.submit(ada, body()),
        await server.jobs.submit(ada, body({ webhook: address })),
      ];
      await expect(server.jobs.submit(ada, body())).rejects.toThrow(code('too-many-jobs'));
      expect((await server.jobs.load()).waiting + (await server.jobs.load()).running).toBe(2);
      await server.jobs.cancel(ada, second.id);
      expect(await ended(server, second.id)).toMatchObject({ state: 'cancelled' });
      await ended(server, first.id);
      expect(JSON.parse((await message()).text)).toMatchObject({ job: second.id, state: 'cancelled' });
      for (const webhook of [
        'http://169.254.169.254/latest',
        'https://evil.example/',
        address.replace('http', 'https'),
      ]) {
        await expect(server.jobs.submit(ada, body({ webhook }))).rejects.toThrow(code('webhook-not-allowed'));
      }
    });

    it('tell a receiver again that fails or redirects', async () => {
      const server = await start(kind);
      answers = [500, 302];
      const { id } = await server.jobs.submit(ada, body({ save: undefined, webhook: address }));
      await ended(server, id);
      for (let left = 500; left > 0 && told.length < 3; left--) await sleep(20);
      await sleep(300);
      expect(told.length).toBe(3);
      expect(new Set(told.map(({ text }) => text)).size).toBe(1);
    });

    it('are done when the PACS goes away before the save, which is then kept and sent', async () => {
      const server = await start(kind, {
        confirmMs: 100,
        trace: (step) => step === 'record-written' && orthanc.pause(),
      });
      const { id } = await server.jobs.submit(ada, body());
      const job = await ended(server, id);
      expect(job).toMatchObject({ state: 'done', save: { state: expect.stringMatching(/sending|waiting/) as string } });
      expect(job.warnings.join()).toMatch(/has not confirmed/);
      orthanc.resume();
      for (let left = 500; left > 0 && (await server.jobs.get(ada, id)).save?.state !== 'verified'; left--)
        await sleep(20);
      expect((await server.jobs.get(ada, id)).save?.state).toBe('verified');
    });

    it('are taken up after a kill -9 in the middle of a save, and store nothing twice', async () => {
      const place = join(folder, 'killed');
      mkdirSync(place);
      writeFileSync(join(folder, 'body.json'), JSON.stringify(body({ webhook: address })));
      const child = fileURLToPath(new URL('./job-child.js', import.meta.url));
      const redisArgs = kind === 'in Redis' ? [redis?.url ?? '', prefix] : [];
      const run = spawn(process.execPath, [child, place, orthanc.url, join(folder, 'body.json'), ...redisArgs], {
        stdio: 'inherit',
        env: { ...process.env, WEBHOOKS: JSON.stringify(webhooks) },
      });
      expect(await new Promise((resolve) => run.once('exit', (_code, signal) => resolve(signal)))).toBe('SIGKILL');
      const id = readFileSync(join(place, 'job'), 'utf8');
      const uid = derivedUid(id, 'instance');
      expect(await held(uid)).toBe(1);

      // On disk the server itself comes back; with Redis another one takes the job up, and the first comes back later.
      const other = await start(kind, kind === 'in Redis' ? {} : { folder: place });
      expect(await ended(other, id)).toMatchObject({ state: 'done', save: { state: 'verified', sopInstanceUid: uid } });
      const first = kind === 'in Redis' ? await start(kind, { folder: place }) : other;
      for (let left = 500; left > 0 && first.saves.backlog().waiting > 0; left--) await sleep(20);
      expect(first.saves.backlog()).toMatchObject({ waiting: 0, refused: 0 });
      expect((await first.saves.list(ada)).map(({ state }) => state)).toEqual(['verified']);
      expect(await held(uid)).toBe(1);
      expect(JSON.parse((await message()).text)).toMatchObject({ job: id, state: 'done' });
    }, 60_000);
  });

  it('give the masks that the engine gives', async () => {
    const server = await start('on disk');
    const propagate = { range: { first: keySlice - 2, last: keySlice + 2 }, stop: { absentSlices: null } };
    const job = await ended(server, (await server.jobs.submit(ada, body({ propagate }))).id);
    const stored = await server.pacs.instance(study, job.save?.series ?? '', job.save?.sopInstanceUid ?? '');
    const fromJob = (await readSeg(stored)).frames.map((frame) => Buffer.from(frame.mask()));

    const model = await resolveModel(
      registrySettings({ ...process.env, MEDSAM2_MODELS_DIR: join(folder, 'none') }),
      'nano',
    );
    const { segmenter } = await openModel(model, { device: { kind: 'cpu', index: 0 }, threads: 1 });
    const volume = { ...phantom.volume, modality: 'CT' };
    const target = segmenter.open(createImageSource(volume, resolveWindow(volume, { kind: 'auto' })));
    const masks = new Map<number, Uint8Array>();
    const { defaultOptions } = await import('@medsam2/server');
    const [x0, y0, x1, y1] = box;
    for await (const event of target.segment({
      objects: [{ label: 1, prompts: [{ kind: 'box', slice: keySlice, box: [x0, y0, x1, y1] }] }],
      direction: 'both',
      range: propagate.range,
      options: { ...defaultOptions, view: model.view, following: model.following },
    })) {
      if (event.type === 'slice' && event.mask.includes(1)) masks.set(event.slice, event.mask);
    }
    await segmenter.close();
    const direct = [...masks].sort(([a], [b]) => a - b).map(([, mask]) => Buffer.from(mask));
    expect(direct.length).toBeGreaterThan(2);
    expect(fromJob).toEqual(direct);
  });

  it('take drawings in space, also across the slices, and several segments', async () => {
    const server = await start('on disk');
    const { geometry } = phantom.volume;
    const { indexToWorld } = await import('@medsam2/server');
    const world = (x: number, y: number, z: number) => indexToWorld(geometry, [x, y, z]);
    const [x, y, z] = centre.map(Math.round);
    const [, b, c] = radii.map((radius) => Math.max(1, Math.round(radius)));
    const sagittal = [world(x, y - b, z - c), world(x, y + b, z - c), world(x, y + b, z + c), world(x, y - b, z + c)];
    const job = await ended(
      server,
      (
        await server.jobs.submit(
          ada,
          body({
            segments: [
              { label: 'drawn', prompts: [{ kind: 'world-points', points: [{ at: world(x, y, z), label: 1 }] }] },
              { label: 'across', prompts: [{ kind: 'world-box', corners: sagittal }] },
            ],
            save: { description: 'Two of them' },
          }),
        )
      ).id,
    );
    expect(job).toMatchObject({ state: 'done', save: { state: 'verified', description: 'Two of them' } });
    expect(job.statistics?.map(({ segment }) => segment)).toEqual([1, 2]);
  });

  it('use the credentials of the caller without keeping them', async () => {
    const guarded = await startOrthanc({ users: { ada: 'right' } });
    try {
      await guarded.upload(sliceElements(phantom.volume, 905).map((elements) => writeInstance(elements)));
      const server = await start('on disk', { url: guarded.url, credentials: 'pass-through' });
      const authorization = `Basic ${btoa('ada:right')}`;
      const { id } = await server.jobs.submit({ ...ada, authorization }, body());
      expect(await ended(server, id)).toMatchObject({ state: 'done', save: { state: 'verified' } });
      const without = await server.jobs.submit(ada, body());
      expect(await ended(server, without.id)).toMatchObject({
        state: 'failed',
        problem: { code: 'pacs-unauthorised', remedy: expect.stringMatching(/not kept/) as string },
      });
    } finally {
      await guarded.close();
    }
  });
});
