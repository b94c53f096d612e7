/** Series that need a choice first, and images that cannot be had at once. */
import type { SeriesTarget, Text } from '@medsam2/ohif-extension';
import { MemoryViewer } from '@medsam2/ohif-extension/testing';
import { makePhantom, sliceElements, writeInstance } from '@medsam2/server/testing';
import { benchSeries } from '../bench/series.js';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../support/orthanc.js';
import { startServerProcess, type ServerProcess } from '../support/server-process.js';
import { startUnrulyProxy, type UnrulyProxy } from '../support/unruly-proxy.js';
import { Person, targetOf } from './support.js';

const plain = benchSeries(71, 12, 64);
const study = '1.2.826.0.1.3680043.10.1561.720';

type Elements = ReturnType<typeof sliceElements>[number];

/** Files of one series, from slices of any volumes. */
const seriesOf = (number: number, slices: readonly Elements[]): { files: Uint8Array[]; target: SeriesTarget } => {
  const series = `${study}.${number}`;
  const uidOf = (at: number): string => `${series}.${at + 1}`;
  const files = slices.map((elements, at) =>
    writeInstance({
      ...elements,
      '00080018': { vr: 'UI', Value: [uidOf(at)] },
      '00100020': { vr: 'LO', Value: ['series'] },
      '0020000D': { vr: 'UI', Value: [study] },
      '0020000E': { vr: 'UI', Value: [series] },
      '00200052': { vr: 'UI', Value: [`${study}.9`] },
    }),
  );
  const images = slices.map((_, at) => ({ sopInstanceUid: uidOf(at) }));
  const description = `series ${number}`;
  return {
    files,
    target: { displaySetId: `ds${number}`, study, series, modality: 'CT', description, kind: 'stack', images },
  };
};

const axial = sliceElements(makePhantom({ columns: 64, rows: 64, slices: 10, seed: 3 }).volume, 3);
const coronal = sliceElements(
  makePhantom({ columns: 64, rows: 64, slices: 8, seed: 4, direction: [1, 0, 0, 0, 0, 1, 0, -1, 0] }).volume,
  4,
);
const mixed = seriesOf(1, [...axial, ...coronal]);
const unspaced = seriesOf(
  2,
  axial.map((elements): Elements => Object.fromEntries(Object.entries(elements).filter(([tag]) => tag !== '00280030'))),
);

const isWhy = (text: Text | undefined, key: string): boolean => text !== undefined && 'key' in text && text.key === key;

describeWithOrthanc('a series in a viewer', () => {
  let orthanc: Orthanc;
  let pacs: UnrulyProxy;
  let server: ServerProcess;
  let person: Person;

  beforeAll(async () => {
    orthanc = await startOrthanc();
    await orthanc.upload([...plain.files(), ...mixed.files, ...unspaced.files]);
    pacs = await startUnrulyProxy(orthanc.rest);
    server = await startServerProcess({ env: { DICOMWEB_URL: `${pacs.url}/dicom-web` } });
  });
  afterAll(async () => {
    await server?.close();
    await pacs?.close();
    await orthanc?.close();
  });
  afterEach(() => {
    person.bench.close();
    pacs.forget();
  });

  const box = { kind: 'box', box: [20, 20, 44, 44] as [number, number, number, number] } as const;
  const draw = (last: number, sopInstanceUid: string): void =>
    person.viewer.draw({
      id: `c0ffee00-0000-4000-8000-00000000000${last}`,
      drawing: { ...box, place: { sopInstanceUid } },
    });

  it('of several volumes is worked on once one is chosen, and each has its own work', async () => {
    person = new Person(new MemoryViewer(mixed.target), server.url);
    const { volumes, volume } = await person.until('volumes', ({ unavailable }) =>
      isWhy(unavailable.draw, 'why.choose-volume'),
    );
    expect([volumes.map(({ slices }) => slices).sort((a, b) => a - b), volume]).toEqual([[8, 10], undefined]);
    draw(1, mixed.target.images[4].sopInstanceUid);
    await person.until('the question', ({ prompts }) => prompts[0]?.state === 'failed');
    expect(person.notice('prompt:c0ffee00-0000-4000-8000-000000000001')).toMatchObject({
      text: { key: 'why.choose-volume' },
    });
    const indexOf = (slices: number): number => volumes.find((each) => each.slices === slices)?.index ?? -1;
    await person.actions.chooseVolume(indexOf(10));
    await person.actions.retry('prompt:c0ffee00-0000-4000-8000-000000000001');
    const first = await person.until(
      'the mask',
      ({ pending, segments }) => pending === 0 && segments[0]?.sliceCount === 1,
    );
    expect(first.session?.sliceCount).toBe(10);

    await person.actions.chooseVolume(indexOf(8));
    expect(person.state.session).toBeUndefined();
    draw(2, mixed.target.images[4].sopInstanceUid);
    await person.until('the refusal', ({ prompts }) => prompts[0]?.state === 'failed');
    expect(person.state.notices[0].text).toMatchObject({ problem: { code: 'image-not-found' } });
    await person.actions.removePrompt('c0ffee00-0000-4000-8000-000000000002');
    expect([person.state.prompts, person.state.notices]).toEqual([[], []]);

    await person.actions.chooseVolume(indexOf(10));
    await person.until(
      'the work on the first',
      ({ session, segments }) => session?.id === first.session?.id && segments[0]?.sliceCount === 1,
    );
    await person.actions.discard();
  });

  it('with the viewer showing one of its volumes alone needs no choice', async () => {
    const target = { ...mixed.target, images: mixed.target.images.slice(10) };
    person = new Person(new MemoryViewer(target), server.url);
    const { volumes, volume } = await person.until('readiness', ({ unavailable }) => unavailable.draw === undefined);
    expect(volumes.find(({ index }) => index === volume)?.slices).toBe(8);
  });

  it('that is rejected is worked on when its finding is overruled', async () => {
    person = new Person(new MemoryViewer(unspaced.target), server.url);
    const { volumes } = await person.until('the finding', ({ unavailable }) => isWhy(unavailable.draw, 'why.rejected'));
    expect(volumes[0].overrulable).toContain('no-pixel-spacing');
    await person.actions.begin();
    expect(person.notice('session')).toMatchObject({ text: { key: 'why.rejected' } });
    person.actions.overrule('no-pixel-spacing');
    await person.actions.retry('session');
    await person.until('images', ({ session }) => session?.phase === 'ready');
    expect(person.state.unavailable.draw).toBeUndefined();
    await person.actions.discard();
  });

  it('whose images cannot be had says so, and is loaded when asked again', async () => {
    person = new Person(new MemoryViewer(targetOf(plain, 'plain')), server.url);
    const failing = { status: 500, body: 'no' };
    await person.until('readiness', ({ unavailable }) => unavailable.draw === undefined);
    pacs.behave = ({ url }) =>
      /\/(instances|frames)|\/series\/[^/]+$/.test(url) && !url.includes('metadata') ? failing : undefined;
    await person.actions.begin();
    await person.until('the failure', ({ session }) => session?.phase === 'failed');
    expect(person.notice('loading')).toMatchObject({ severity: 'error', canRetry: true });
    expect(person.state.unavailable.propagate).toHaveProperty('problem');
    pacs.forget();
    await person.actions.retry('loading');
    await person.until('images', ({ session }) => session?.phase === 'ready');
    expect(person.notice('loading')).toBeUndefined();
    await person.actions.discard();
  });
});
