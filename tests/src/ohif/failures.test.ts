/** What goes wrong between viewer, server and PACS: it is said, nothing is lost, and doing it again succeeds. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PromptAnswer } from '@medsam2/protocol';
import { MemoryViewer } from '@medsam2/ohif-extension/testing';
import { benchSeries } from '../bench/series.js';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../support/orthanc.js';
import { startServerProcess, type ServerProcess } from '../support/server-process.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { startUnrulyProxy, type UnrulyProxy } from '../support/unruly-proxy.js';
import { memoryStorage, Person, targetOf } from './support.js';

const series = benchSeries(61, 60, 96);
const key = 'a-key-of-a-person';

describeWithOrthanc('work in a viewer goes on when', () => {
  let orthanc: Orthanc;
  /** between server and PACS */
  let pacs: UnrulyProxy;
  /** between viewer and server: bytes */
  let line: TcpProxy;
  /** between viewer and server: whole requests, so that streams do not come through */
  let gateway: UnrulyProxy;
  let server: ServerProcess;
  let folder: string;
  let people: Person[] = [];

  beforeAll(async () => {
    orthanc = await startOrthanc();
    await orthanc.upload(series.files());
    pacs = await startUnrulyProxy(orthanc.rest);
    folder = mkdtempSync(join(tmpdir(), 'medsam2-ohif-'));
    const sha256 = createHash('sha256').update(key).digest('hex');
    writeFileSync(join(folder, 'keys.json'), JSON.stringify({ keys: [{ id: 'ada', sha256, roles: ['annotator'] }] }));
    await start({});
    line = await startTcpProxy(Number(new URL(server.url).port));
    gateway = await startUnrulyProxy(server.url);
  });
  afterAll(async () => {
    await Promise.all([line?.close(), gateway?.close()]);
    await server?.close();
    await pacs?.close();
    await orthanc?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    for (const person of people) {
      await person.actions.discard();
      person.bench.close();
    }
    people = [];
    pacs.forget();
    gateway.forget();
    line.behaviour = {};
  });

  async function start(env: Readonly<Record<string, string>>): Promise<void> {
    server = await startServerProcess({
      dataDirectory: join(folder, 'data'),
      env: {
        DICOMWEB_URL: `${pacs.url}/dicom-web`,
        MEDSAM2_AUTH: 'keys',
        MEDSAM2_KEYS_FILE: join(folder, 'keys.json'),
        ...env,
      },
    });
  }

  async function arrive(url: string, token = `Bearer ${key}`, tab = memoryStorage()): Promise<Person> {
    const viewer = new MemoryViewer(targetOf(series, 'ds1'));
    viewer.token = token;
    const person = new Person(viewer, url, memoryStorage(), tab);
    people.push(person);
    await person.until(
      'the series',
      ({ unavailable, server: { phase } }) => unavailable.draw === undefined || phase !== 'online',
    );
    return person;
  }

  async function withBox(url: string, tab = memoryStorage()): Promise<Person> {
    const person = await arrive(url, undefined, tab);
    person.drawBox(series);
    await person.until('a mask', ({ answering, segments }) => answering === 0 && segments[0]?.sliceCount === 1);
    return person;
  }

  it('the login ends in the middle', async () => {
    const person = await withBox(server.url);
    const { viewer } = person;
    viewer.token = 'Bearer ended';
    const id = person.drawBox({ ...series, slice: series.slice + 1 });
    const { server: state, prompts } = await person.until(
      'the login',
      ({ server: now }) => now.phase === 'login-needed',
    );
    expect(state).toMatchObject({ problem: { code: 'not-authenticated' } });
    expect(prompts.find((prompt) => prompt.id === id)).toMatchObject({ state: 'sending', pending: true });
    expect(person.state.unavailable.save).toEqual({ key: 'why.login' });
    expect(viewer.announced).toContainEqual({ text: { key: 'notice.login' }, severity: 'warning' });
    expect(viewer.filled(1)).toHaveLength(1);
    viewer.token = `Bearer ${key}`;
    await person.until('the second mask', ({ answering }) => answering === 0 && viewer.filled(1).length === 2);
    expect(person.state).toMatchObject({ server: { phase: 'online', user: 'ada' }, notices: [] });
  });

  it('the login ends for good, and the page with it: what was drawn last is sent by the next page', async () => {
    const tab = memoryStorage();
    const before = await withBox(server.url, tab);
    before.viewer.token = 'Bearer ended';
    const id = before.drawBox({ ...series, slice: series.slice + 1 });
    await before.until('the login', ({ server: now }) => now.phase === 'login-needed');
    before.bench.close();
    people = [];

    const other = await arrive(server.url);
    await other.until('the session', ({ session, answering }) => session !== undefined && answering === 0);
    expect(other.state.prompts.map((prompt) => prompt.id)).not.toContain(id);
    other.bench.close();
    people = [];

    const after = await arrive(server.url, undefined, tab);
    await after.until('both masks', ({ answering }) => answering === 0 && after.viewer.filled(1).length === 2);
    expect(after.state.prompts.find((prompt) => prompt.id === id)).toMatchObject({ state: 'accepted' });
    // confirmed, it is kept no longer
    expect(tab.getItem('medsam2.drafts')).toBe('[]');
  });

  it('the server dies in the middle of a propagation', async () => {
    const port = new URL(server.url).port;
    const person = await withBox(server.url);
    const { viewer } = person;
    await person.actions.propagate();
    await person.until('some slices', ({ run }) => (run?.done ?? 0) > 5);
    expect(person.state.run?.state).toBe('running');
    await server.end('SIGKILL');
    await person.until('the news', ({ server: { phase } }) => phase === 'offline');
    const kept = viewer.filled(1).length;
    expect(kept).toBeGreaterThan(1);
    expect(person.state.unavailable).toMatchObject({ propagate: { key: 'why.offline' }, save: { key: 'why.offline' } });
    await start({ PORT: port });
    await person.until(
      'the end of the run',
      ({ run, server: { phase } }) => phase === 'online' && run?.state === 'cancelled',
    );
    expect(person.notice('run')).toMatchObject({ text: { key: 'notice.run-broken' }, canRetry: true });
    expect(viewer.filled(1).length).toBeGreaterThanOrEqual(kept);
    await person.actions.retry('run');
    await person.until('all of it', ({ run }) => run?.state === 'done');
    await person.until('its masks', ({ segments }) => viewer.filled(1).length === segments[0].sliceCount);
    expect(viewer.filled(1).length).toBeGreaterThan(kept);
  });

  it('the network is away while boxes are drawn: they are sent in order', async () => {
    const person = await withBox(`http://127.0.0.1:${line.port}`);
    line.behaviour = { refuse: true };
    const ids = [1, 2, 3].map((step) => person.drawBox({ ...series, slice: series.slice + step }));
    await person.until('the news', ({ server: { phase } }) => phase === 'offline');
    expect(person.state.unavailable.draw).toBeUndefined();
    expect(person.state.prompts.filter(({ state }) => state === 'sending').map(({ id }) => id)).toEqual(ids);
    line.behaviour = {};
    await person.actions.reconnect();
    const { prompts } = await person.until('all masks', ({ segments }) => segments[0].sliceCount === 4);
    await person.until('rest', ({ answering }) => answering === 0);
    expect(prompts.slice(1).map(({ id }) => id)).toEqual(ids);
    await person.until('them in the viewer', () => person.viewer.filled(1).length === 4);
  });

  it('answers are lost: nothing is done twice', async () => {
    const person = await withBox(`http://127.0.0.1:${line.port}`);
    for (const step of [1, 2]) person.drawBox({ ...series, slice: series.slice + step });
    await person.until('three masks', ({ pending, segments }) => pending === 0 && segments[0].sliceCount === 3);
    line.behaviour = { dropAnswerTo: '/undo' };
    const undone = person.actions.undo();
    await person.until('the loss', ({ server: { phase } }) => phase !== 'online');
    line.behaviour = {};
    await undone;
    const { prompts } = await person.until('one less', ({ segments }) => segments[0].sliceCount === 2);
    expect(prompts).toHaveLength(2);
    line.behaviour = { dropAnswerTo: '/segments' };
    const added = person.actions.addSegment({ label: 'Once' });
    await person.until('the loss', ({ server: { phase } }) => phase !== 'online');
    line.behaviour = {};
    await added;
    expect(person.state.segments.map(({ label }) => label)).toEqual(['Segment 1', 'Once']);
    expect(person.state.notices).toEqual([]);
  });

  it('another page answers at the server’s address at first', async () => {
    const page = {
      status: 200,
      headers: { 'content-type': 'text/html' },
      body: '<!doctype html><title>Viewer</title>',
    };
    gateway.behave = () => page;
    const person = await arrive(gateway.url);
    const { server: state } = await person.until('the news', ({ server: { phase } }) => phase === 'offline');
    expect(state).toMatchObject({ problem: { code: 'not-api' }, retryAt: expect.any(Number) as number });
    expect(person.state.unavailable.draw).toEqual({ key: 'why.offline' });
    gateway.forget();
    await person.until('the series', ({ unavailable }) => unavailable.draw === undefined);
  });

  it('the model sees nothing: it is said, with what to try', async () => {
    const person = await withBox(gateway.url);
    const absent = [{ segment: 1, slice: 3, presence: -2, message: '' }];
    // The built-in model always sees something.
    gateway.behave = ({ method, url }) =>
      method === 'PUT' && url.includes('/prompts/')
        ? { change: (body) => Buffer.from(JSON.stringify({ ...(JSON.parse(String(body)) as PromptAnswer), absent })) }
        : undefined;
    const id = person.drawBox({ ...series, slice: 3 });
    await person.until('an answer', ({ prompts }) =>
      prompts.some((prompt) => prompt.id === id && prompt.state === 'accepted'),
    );
    const text = { key: 'notice.absent', values: { slice: 4 } };
    expect(person.notice('absent')).toMatchObject({ text, hint: { key: 'hint.absent' } });
    expect(person.viewer.announced).toContainEqual({ text, severity: 'warning' });
    gateway.forget();
    person.drawBox({ ...series, slice: series.slice + 1 });
    await person.until('it to be over', () => person.notice('absent') === undefined);
  });

  it('a prompt is drawn on a segment that is being propagated', async () => {
    const person = await withBox(server.url);
    await person.actions.propagate();
    await person.until('the run', ({ run }) => run?.state === 'running');
    const id = person.drawBox({ ...series, slice: series.slice + 1 });
    await person.until('the news', () => person.viewer.announced.length > 0);
    expect(person.viewer.announced).toEqual([{ text: { key: 'notice.prompt-waits' }, severity: 'info' }]);
    await person.actions.stop();
    await person.until('it to be sent', ({ prompts }) =>
      prompts.some((prompt) => prompt.id === id && prompt.state === 'accepted'),
    );
    expect(person.notice('prompts-wait')).toBeUndefined();
  });

  it('the PACS refuses the save, and takes it later', async () => {
    const person = await withBox(server.url);
    const refusal = { status: 409, headers: { 'content-type': 'application/dicom+json' }, body: '{}' };
    pacs.behave = ({ method }) => (method === 'POST' ? refusal : undefined);
    await person.actions.save({ description: 'Refused', reviewed: false });
    const { saves, session } = person.state;
    expect(saves[0]).toMatchObject({ state: expect.stringMatching(/refused|waiting/) as string });
    expect(session?.unsaved).toBe(true);
    const about = `save:${saves[0].id}`;
    expect(person.notice(about)).toMatchObject({ canRetry: true, hint: { problem: { code: 'save-message' } } });
    expect(person.notice(about)?.severity).toMatch(/error|warning/);
    pacs.forget();
    await person.actions.retry(about);
    const after = await person.until('the PACS to have it', (state) => state.saves[0].state === 'verified');
    expect(person.notice(about)).toMatchObject({ severity: 'success', text: { key: 'notice.saved' } });
    await person.until('the session to know', (state) => state.session?.unsaved === false);
    expect(after.saves[0].id).toBe(saves[0].id);
  });
});
