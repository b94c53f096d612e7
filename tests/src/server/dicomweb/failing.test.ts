import { createHash } from 'node:crypto';
import { UserError } from '@medsam2/models';
import { loadSeriesVolume, planSeries, type OpenPacs, type SeriesPlan } from '@medsam2/server/dicomweb';
import type { Volume } from '@medsam2/server';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { startUnrulyProxy, type Misbehaviour, type UnrulyProxy } from '../../support/unruly-proxy.js';
import { impatient, phantomFiles, SERIES, SLICES, STUDY } from './fixture.js';

const failureOf = async (promise: Promise<unknown>): Promise<UserError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof UserError) return error;
  throw new Error(`no UserError but ${String(error)}`);
};
const digest = ({ voxels }: Volume): string => createHash('sha256').update(Buffer.from(voxels.buffer)).digest('hex');
const seriesPath = `/studies/${STUDY}/series/${SERIES}`;
const isSeries = ({ url }: { url: string }): boolean => url === seriesPath;

describeWithOrthanc('a PACS that fails on the way', () => {
  let orthanc: Orthanc;
  let proxy: UnrulyProxy;
  let pacs: OpenPacs;
  let plan: SeriesPlan;
  let expected: string;

  beforeAll(async () => {
    orthanc = await startOrthanc();
    const uploaded = await orthanc.upload(phantomFiles());
    expect(uploaded.map(({ status }) => status)).toEqual(Array(SLICES).fill('Success'));
    proxy = await startUnrulyProxy(orthanc.url);
    pacs = impatient(proxy.url);
    plan = await planSeries(pacs, { study: STUDY, series: SERIES });
    expected = digest(await loadSeriesVolume(pacs, plan, 0));
  });
  beforeEach(() => proxy.forget());
  afterAll(async () => {
    await pacs.close();
    await proxy.close();
    await orthanc.close();
  });
  const paths = (): string[] => proxy.requests.map(({ url }) => url);

  describe('queries', () => {
    it.each<[string, Misbehaviour]>([
      ['503 that asks to wait', { status: 503, headers: { 'retry-after': '0' } }],
      ['429', { status: 429 }],
      ['502', { status: 502 }],
      ['504', { status: 504 }],
      ['a reset before the answer', { resetAfter: 0 }],
      ['a reset within the answer', { resetAfter: 100 }],
      ['an end within the answer', { cutAfter: 100 }],
      ['an orderly answer that is cut off', { change: (body) => body.subarray(0, body.length - 40) }],
    ])('%s: asked again until it works', async (_, misbehaviour) => {
      proxy.behave = (_request, number) => (number < 2 ? misbehaviour : undefined);
      expect(await pacs.seriesMetadata(STUDY, SERIES)).toHaveLength(SLICES);
      expect(paths()).toEqual(Array(3).fill(`${seriesPath}/metadata`));
    });

    it.each<[string, Misbehaviour, string, number]>([
      ['always 503', { status: 503 }, 'pacs-busy', 4],
      ['asked to wait longer than anybody would', { status: 503, headers: { 'retry-after': '120' } }, 'pacs-busy', 1],
      ['always cut off', { cutAfter: 100 }, 'pacs-answer-invalid', 4],
      ['no answer in time', { delayMs: 1500 }, 'pacs-timeout', 1],
      ['an answer that stops', { stallAfter: 100 }, 'pacs-timeout', 1],
      ['500', { status: 500, body: '<html>java.lang.NullPointerException' }, 'pacs-failed', 1],
      ['401', { status: 401 }, 'pacs-unauthorised', 1],
      ['403', { status: 403 }, 'pacs-forbidden', 1],
      ['404', { status: 404 }, 'pacs-not-found', 1],
      ['a login page', { status: 200, body: '<html>Please log in' }, 'pacs-answer-invalid', 1],
      ['JSON that is no list', { status: 200, body: '{"00080018":{"vr":"UI"}}' }, 'pacs-answer-invalid', 1],
      ['a list of numbers', { status: 200, body: '[1,2]' }, 'pacs-answer-invalid', 1],
      ['values that are none', { status: 200, body: '[{"00080018":"1.2.3"}]' }, 'pacs-answer-invalid', 1],
      ['rubbish within braces', { status: 200, body: '[{"00080018":}]' }, 'pacs-answer-invalid', 1],
      [
        'an answer in gzip that nobody asked for',
        { status: 200, headers: { 'content-encoding': 'gzip' }, body: '[]' },
        'pacs-answer-invalid',
        1,
      ],
    ])('%s', async (_, misbehaviour, code, requests) => {
      proxy.behave = () => misbehaviour;
      expect(await failureOf(pacs.seriesMetadata(STUDY, SERIES))).toMatchObject({ code });
      expect(proxy.requests).toHaveLength(requests);
    });

    it('says in readiness what is wrong, and asks once only', async () => {
      expect(await pacs.check()).toMatchObject({ reachable: true });
      proxy.forget();
      proxy.behave = () => ({ status: 503 });
      expect(await pacs.check()).toMatchObject({
        reachable: false,
        reason: 'The PACS test is overloaded or being restarted (HTTP 503).',
      });
      expect(proxy.requests).toHaveLength(1);
    });

    it('of an unknown series, or of one in another study: series-not-found', async () => {
      for (const address of [
        { study: STUDY, series: '1.2.3' },
        { study: '1.2.3', series: SERIES },
      ])
        expect(await failureOf(planSeries(pacs, address))).toMatchObject({ code: 'series-not-found' });
      // a PACS that does not look at the study
      const other = '1.2.826.0.1.3680043.10.1561.1000';
      proxy.behave = () => ({ status: 200, body: JSON.stringify([{ '0020000D': { vr: 'UI', Value: [STUDY] } }]) });
      expect(await failureOf(planSeries(pacs, { study: other, series: SERIES }))).toMatchObject({
        code: 'series-not-found',
      });
      proxy.behave = () => ({ status: 204 });
      expect(await failureOf(planSeries(pacs, { study: STUDY, series: SERIES }))).toMatchObject({
        code: 'series-not-found',
      });
    });
  });

  describe('the stream of a series', () => {
    const load = (): Promise<Volume> => loadSeriesVolume(pacs, plan, 0);
    const single = (): string[] => paths().filter((url) => url.startsWith(`${seriesPath}/instances/`));
    /** Bytes of about ten of the 24 instances. */
    const SOME = 70_000;

    it.each<[string, Misbehaviour]>([
      ['cut off', { cutAfter: SOME }],
      ['reset', { resetAfter: SOME }],
      ['silent in its middle', { stallAfter: SOME }],
      ['ended orderly in its middle', { change: (body) => body.subarray(0, SOME) }],
      ['with a boundary that is damaged', { change: (body) => damage(body, '\r\n--', 10) }],
    ])('%s: what is missing comes one by one, and nothing else', async (_, misbehaviour) => {
      proxy.behave = (request) => (isSeries(request) ? misbehaviour : undefined);
      expect(digest(await load())).toBe(expected);
      expect(single().length).toBeGreaterThan(0);
      expect(single().length).toBeLessThan(SLICES);
      expect(new Set(single()).size).toBe(single().length);
      expect(paths().filter((url) => url === seriesPath)).toHaveLength(1);
    });

    it('answers that nobody reads leave their connections to others', async () => {
      const narrow = impatient(proxy.url, { connections: 1 });
      for (const misbehaviour of [
        { status: 200, body: 'no' },
        { status: 204 },
        { status: 404, body: 'x'.repeat(1e6) },
      ]) {
        proxy.behave = () => misbehaviour;
        await narrow.instance(STUDY, SERIES, '1.2.3').catch(() => undefined);
        await narrow.seriesMetadata(STUDY, SERIES).catch(() => undefined);
      }
      proxy.forget();
      expect(await narrow.seriesMetadata(STUDY, SERIES)).toHaveLength(SLICES);
      expect(digest(await loadSeriesVolume(narrow, plan, 0))).toBe(expected);
      await narrow.close();
    });

    it('that is not multipart: all come one by one', async () => {
      proxy.behave = (request) => (isSeries(request) ? { status: 200, body: 'no' } : undefined);
      expect(digest(await load())).toBe(expected);
      expect(single()).toHaveLength(SLICES);
    });

    it('an image whose identifier is damaged is asked for again', async () => {
      const uid = plan.volumes[0].frames[3].header.sopInstanceUid;
      proxy.behave = (request) =>
        isSeries(request) ? { change: (body) => replaced(body, uid, uid.replace(/\d$/, '0')) } : undefined;
      expect(digest(await load())).toBe(expected);
      expect(single()).toEqual([`${seriesPath}/instances/${uid}`]);
    });

    it('an image that the PACS has lost: instances-missing', async () => {
      proxy.behave = (request) => (isSeries(request) ? { cutAfter: SOME } : { status: 404 });
      expect(await failureOf(load())).toMatchObject({ code: 'instances-missing' });
    });

    it('a PACS that goes down for good within the stream', async () => {
      proxy.behave = (request) => (isSeries(request) ? { cutAfter: SOME } : { status: 503 });
      expect(await failureOf(load())).toMatchObject({ code: 'pacs-busy' });
    });

    it('an image that lies elsewhere than its metadata says: instance-changed', async () => {
      proxy.behave = (request) =>
        isSeries(request) ? { change: (body) => replaced(body, '300.75', '301.75') } : undefined;
      expect(await failureOf(load())).toMatchObject({ code: 'instance-changed' });
    });

    it('is ended by cancelling in its middle', async () => {
      const cancel = new AbortController();
      const reason = new Error('the viewer was closed');
      proxy.behave = (request) => (isSeries(request) ? { stallAfter: SOME } : undefined);
      const loading = loadSeriesVolume(pacs, plan, 0, {
        signal: cancel.signal,
        onProgress: (done) => {
          if (done === 3) cancel.abort(reason);
        },
      });
      await expect(loading).rejects.toBe(reason);
      while (proxy.abandoned === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(paths()).toEqual([seriesPath]);
    });

    it('cancelled before it begins: nothing is asked', async () => {
      const signal = AbortSignal.abort(new Error('too late'));
      await expect(loadSeriesVolume(pacs, plan, 0, { signal })).rejects.toThrow('too late');
      await expect(pacs.searchStudies({}, { signal })).rejects.toThrow('too late');
      expect(proxy.requests).toEqual([]);
    });

    it('larger than allowed: refused before it is held', async () => {
      const small = impatient(proxy.url, { limits: { instance: 4096 } });
      expect(await failureOf(loadSeriesVolume(small, plan, 0))).toMatchObject({ code: 'pacs-answer-invalid' });
      await small.close();
      expect(await failureOf(loadSeriesVolume(pacs, plan, 0, { maxBytes: 1000 }))).toMatchObject({
        code: 'volume-too-large',
      });
      const short = impatient(proxy.url, { limits: { dataset: 1024 } });
      expect(await failureOf(short.seriesMetadata(STUDY, SERIES))).toMatchObject({ code: 'pacs-answer-invalid' });
      await short.close();
    });

    it('read slowly from a PACS that closes its connections: every byte arrives', async () => {
      // a library met here ended the process
      proxy.behave = () => ({ headers: { connection: 'close' } });
      let bytes = 0;
      for await (const instance of pacs.seriesInstances(STUDY, SERIES)) {
        bytes += instance.length;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const { TotalDiskSize } = (await (await orthanc.fetch('/statistics')).json()) as { TotalDiskSize: string };
      expect(bytes).toBe(Number(TotalDiskSize));
    });
  });

  it('a PACS that was stopped, killed, frozen and started again', async () => {
    const direct = impatient(orthanc.url);
    expect(await direct.searchStudies({})).toHaveLength(1);
    await orthanc.stop();
    expect(await failureOf(direct.searchStudies({}))).toMatchObject({
      code: 'pacs-unreachable',
      message: 'The PACS test cannot be reached (ECONNREFUSED).',
    });
    await orthanc.start();
    expect(await direct.searchStudies({})).toHaveLength(1);
    await orthanc.kill();
    expect(await direct.check()).toMatchObject({ reachable: false });
    await orthanc.start();
    // the connection that was kept is dead: found out, and replaced
    expect(await direct.seriesMetadata(STUDY, SERIES)).toHaveLength(SLICES);
    orthanc.pause();
    expect(await failureOf(direct.searchStudies({}))).toMatchObject({ code: 'pacs-timeout' });
    orthanc.resume();
    expect(digest(await loadSeriesVolume(direct, plan, 0))).toBe(expected);
    await direct.close();
  });
});

/** The n-th occurrence of a text, broken. */
function damage(body: Buffer, text: string, n: number): Buffer {
  let at = -1;
  for (let i = 0; i < n; i++) at = body.indexOf(text, at + 1);
  const copy = Buffer.from(body);
  copy[at + 1] ^= 0xff;
  return copy;
}

/** The last occurrence of a text in exchange for another one of the same length. */
function replaced(body: Buffer, text: string, by: string): Buffer {
  const copy = Buffer.from(body);
  const at = copy.lastIndexOf(text);
  if (at >= 0) copy.write(by, at, 'latin1');
  return copy;
}
