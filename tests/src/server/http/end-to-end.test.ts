/** The product's path with nothing replaced: the server's process, an Orthanc, the embedded model. */
import {
  decodeRuns,
  fromBase64,
  StreamDecoder,
  type PromptAnswer,
  type SaveState,
  type SessionState,
  type StreamEvent,
} from '@medsam2/protocol';
import { makePhantom, sliceElements, writeInstance } from '@medsam2/server/testing';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { startServerProcess, type ServerProcess } from '../../support/server-process.js';

const study = '1.2.826.0.1.3680043.10.1561.901';
const series = '1.2.826.0.1.3680043.10.1561.902';
const { volume, truth, ellipsoids } = makePhantom({
  columns: 128,
  rows: 96,
  slices: 20,
  objects: 1,
  seed: 4,
  noise: 4,
});
const { columns, rows } = volume.geometry;

describeWithOrthanc('medsam2 serve with a PACS', () => {
  let orthanc: Orthanc;
  let server: ServerProcess;
  beforeAll(async () => {
    orthanc = await startOrthanc({ users: { reader: 'pacs-password' } });
    const files = sliceElements(volume, 5).map((elements) =>
      writeInstance({
        ...elements,
        '00100020': { vr: 'LO', Value: ['phantom'] },
        '0020000D': { vr: 'UI', Value: [study] },
        '0020000E': { vr: 'UI', Value: [series] },
      }),
    );
    const uploaded = await orthanc.upload(files);
    expect(uploaded.filter(({ status }) => status !== 'Success')).toEqual([]);
    server = await startServerProcess({
      env: { DICOMWEB_URL: orthanc.url, DICOMWEB_USERNAME: 'reader', DICOMWEB_PASSWORD: 'pacs-password' },
    });
  });
  afterAll(async () => {
    await server?.close();
    await orthanc?.close();
  });

  async function ask<Body>(method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }> {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as Body };
  }

  /** Events of a session until one is enough, or the stream ends. */
  async function hear(id: string, enough: (event: StreamEvent) => boolean, after = 0): Promise<StreamEvent[]> {
    const answer = await fetch(`${server.url}/api/v1/sessions/${id}/events?after=${after}`);
    expect(answer.headers.get('content-type')).toBe('application/vnd.medsam2.events');
    const decoder = new StreamDecoder();
    const events: StreamEvent[] = [];
    for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
      for (const event of decoder.push(chunk)) {
        events.push(event);
        // leaving the loop ends the request
        if (enough(event)) return events;
      }
    }
    return events;
  }

  const [{ centre, radii }] = ellipsoids;
  const keySlice = Math.round(centre[2]);
  const box = [
    Math.floor(centre[0] - radii[0]),
    Math.floor(centre[1] - radii[1]),
    Math.ceil(centre[0] + radii[0]),
    Math.ceil(centre[1] + radii[1]),
  ];
  const prompt = { kind: 'box', place: { slice: keySlice }, box };

  it('is ready, and says what it found', async () => {
    for (const until = Date.now() + 20_000; ;) {
      const { status, body } = await ask<{ checks: { name: string; state: string }[] }>('GET', '/readyz');
      if (status === 200) {
        expect(body.checks.map(({ name, state }) => [name, state])).toEqual([
          ['models', 'ok'],
          ['disk', 'ok'],
          ['saves', 'ok'],
          ['jobs', 'ok'],
          ['pacs default', 'ok'],
        ]);
        return;
      }
      if (Date.now() > until) throw new Error(JSON.stringify(body));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  it('goes from a box to a mask to a volume to a SEG that the PACS finds', async () => {
    const source = { study, series };
    const created = await ask<SessionState>('POST', '/api/v1/sessions', { source, position: { slice: keySlice } });
    expect(created.status).toBe(201);
    const path = `/api/v1/sessions/${created.body.id}`;
    await hear(created.body.id, ({ header }) => header.type === 'state' && header.session.phase === 'ready');
    const images = await ask<{ images: { sopInstanceUid: string }[] }>('GET', `${path}/images`);
    expect(images.body.images).toHaveLength(20);

    expect((await ask('POST', `${path}/segments`, { label: 'Lesion' })).status).toBe(201);
    const answered = await ask<PromptAnswer>('PUT', `${path}/prompts/5a7f1c52-5c0f-4c55-9d4e-3f5f4a7d0001`, {
      segment: 1,
      drawing: prompt,
    });
    expect(answered.status).toBe(200);
    const [mask] = answered.body.masks;
    expect([mask.slice, mask.rows, mask.columns]).toEqual([keySlice, rows, columns]);
    expect(diceOfSlice(decodeRuns(fromBase64(mask.runs), rows * columns), keySlice)).toBeGreaterThan(0.7);

    const { revision } = answered.body;
    const heard = hear(
      created.body.id,
      ({ header }) => header.type === 'run' && ['done', 'failed', 'cancelled'].includes(header.run.state),
      revision,
    );
    expect((await ask('POST', `${path}/propagate`, {})).status).toBe(202);
    const events = await heard;
    expect(events.at(-1)?.header).toMatchObject({ type: 'run', run: { state: 'done' } });
    const slices = events.flatMap(({ header }) => (header.type === 'slice' ? [header.slice] : []));
    expect(new Set(slices).size).toBeGreaterThan(3);

    const exported = await fetch(`${server.url}${path}/export?format=nrrd`);
    expect(exported.headers.get('content-disposition')).toMatch(/^attachment; filename=\S+\.nrrd$/);
    expect((await exported.arrayBuffer()).byteLength).toBeGreaterThan(100);

    const saved = await ask<SaveState>('POST', `${path}/save`, { description: 'End to end' });
    // the embedded model is a demonstration, and says so wherever its results go
    const description = 'End to end (demonstration)';
    expect([saved.status, saved.body]).toMatchObject([201, { state: 'verified', study, description }]);
    // the PACS itself, and the PACS through the proxy, say the same
    for (const [root, headers] of [
      [orthanc.url, { authorization: `Basic ${btoa('reader:pacs-password')}` }],
      [`${server.url}/dicomweb/default`, {}],
    ] as const) {
      const found = await fetch(`${root}/studies/${study}/series?Modality=SEG`, { headers });
      const [{ '0020000E': uid, '00080060': modality }] = (await found.json()) as Record<string, { Value: string[] }>[];
      expect([uid.Value[0], modality.Value[0]]).toEqual([saved.body.series, 'SEG']);
    }
  });

  it('wrote down who did it, and logs nothing of it', () => {
    const folder = join(server.dataDirectory, 'audit');
    const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'));
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const saves = records.filter(({ what }) => what === 'session.save');
    expect(saves).toMatchObject([
      { outcome: 'begun', user: 'local', study, series },
      { outcome: 'done', user: 'local', study, series, status: 201 },
    ]);
    const log = JSON.stringify(server.log());
    for (const absent of [study, series, 'Phantom', 'pacs-password']) expect(log).not.toContain(absent);
  });

  it('passes pixels and metadata of the PACS on, with addresses that lead back here', async () => {
    const root = `${server.url}/dicomweb/default/studies/${study}/series/${series}`;
    const metadata = await (await fetch(`${root}/metadata`)).text();
    expect(metadata).toContain(`"${root}/instances/`);
    expect(metadata).not.toContain(orthanc.url);
    const bulk = /"BulkDataURI"\s*:\s*"([^"]+)"/.exec(metadata)?.[1] ?? '';
    const pixels = await fetch(bulk);
    expect([pixels.status, (await pixels.arrayBuffer()).byteLength > rows * columns * 2]).toEqual([200, true]);
    const whole = await fetch(root, {
      headers: { accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' },
    });
    expect(whole.headers.get('content-type')).toMatch(/^multipart\/related/);
    expect((await whole.arrayBuffer()).byteLength).toBeGreaterThan(20 * rows * columns * 2);
    expect((await fetch(`${server.url}/dicomweb/default/../tools/reset`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${server.url}/dicomweb/default/changes`)).status).toBe(403);
  });

  it('tells streams that it stops, keeps what was done, and goes on from it', async () => {
    const { body } = await ask<SessionState>('POST', '/api/v1/sessions', { source: { study, series } });
    await hear(body.id, ({ header }) => header.type === 'state' && header.session.phase === 'ready');
    await ask('POST', `/api/v1/sessions/${body.id}/segments`, { label: 'Kept' });
    const heard = hear(body.id, () => false);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const code = await server.end('SIGTERM');
    expect((await heard).at(-1)?.header).toMatchObject({ type: 'closed' });
    expect(code).toBe(0);
    expect(server.log().at(-1)?.msg).toBe('the server has stopped');
    const again = await startServerProcess({
      dataDirectory: server.dataDirectory,
      env: { DICOMWEB_URL: orthanc.url, DICOMWEB_USERNAME: 'reader', DICOMWEB_PASSWORD: 'pacs-password' },
    });
    try {
      const answer = await fetch(`${again.url}/api/v1/sessions/${body.id}`);
      expect(((await answer.json()) as SessionState).segments.map(({ label }) => label)).toEqual(['Kept']);
    } finally {
      await again.close();
    }
  });

  function diceOfSlice(mask: Uint8Array, slice: number): number {
    const size = rows * columns;
    const labels = truth.labels.subarray(slice * size, (slice + 1) * size);
    let [both, sum] = [0, 0];
    for (let at = 0; at < size; at++) {
      const [found, wanted] = [mask[at], labels[at] > 0 ? 1 : 0];
      both += found & wanted;
      sum += found + wanted;
    }
    return (2 * both) / sum;
  }
});
