/** Work that goes on from what lies in the PACS: the server's process, an Orthanc, the embedded model. */
import type { SaveState, SegmentState, SessionState } from '@medsam2/protocol';
import { makePhantom, sliceElements, writeInstance } from '@medsam2/server/testing';
import { Client } from '../../support/client.js';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { startServerProcess, type ServerProcess } from '../../support/server-process.js';

const study = '1.2.826.0.1.3680043.10.1561.911';
const series = '1.2.826.0.1.3680043.10.1561.912';
const { volume, ellipsoids } = makePhantom({ columns: 96, rows: 80, slices: 14, objects: 2, seed: 9, noise: 4 });

describeWithOrthanc('a segmentation in the PACS', () => {
  let orthanc: Orthanc;
  let server: ServerProcess;
  let client: Client;
  let first: SessionState;
  let saved: SaveState;

  beforeAll(async () => {
    orthanc = await startOrthanc({});
    const files = sliceElements(volume, 6).map((elements) =>
      writeInstance({
        ...elements,
        '00100020': { vr: 'LO', Value: ['phantom'] },
        '0020000D': { vr: 'UI', Value: [study] },
        '0020000E': { vr: 'UI', Value: [series] },
      }),
    );
    const uploaded = await orthanc.upload(files);
    expect(uploaded.filter(({ status }) => status !== 'Success')).toEqual([]);
    server = await startServerProcess({ env: { DICOMWEB_URL: orthanc.url } });
    client = new Client(server.url);
    first = await client.create({ study, series });
    await client.ready(first.id);
    for (const { centre, radii, label } of ellipsoids) {
      const segment = await client.addSegment(first.id, `Object ${label}`);
      const [x, y, z] = centre;
      const box = [x - radii[0], y - radii[1], x + radii[0], y + radii[1]];
      await client.prompt(first.id, segment.id, { kind: 'box', place: { slice: Math.round(z) }, box });
    }
    await client.propagated(first.id);
    saved = await client.save(first.id, { description: 'Follow-up' });
  });

  afterAll(async () => {
    await server?.close();
    await orthanc?.close();
  });

  const stateOf = (id: string) => client.must<SessionState>('GET', `/sessions/${id}`);
  const names = ({ segments }: SessionState) =>
    segments.map(({ label, trackingUid }: SegmentState) => [label, trackingUid]);

  it('is confirmed, and then nothing is unsaved', async () => {
    expect(saved).toMatchObject({ state: 'verified', description: 'Follow-up (demonstration)' });
    expect(await stateOf(first.id)).toMatchObject({ unsaved: false });
  });

  it('becomes a session again: the same segments, pixel for pixel', async () => {
    const segmentation = { series: saved.series, sopInstanceUid: saved.sopInstanceUid };
    const next = await client.create({ study, series }, { segmentation });
    await client.ready(next.id);
    expect(names(await stateOf(next.id))).toEqual(names(await stateOf(first.id)));
    const [before, after] = [await client.masks(first.id), await client.masks(next.id)];
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    for (const [place, mask] of before) expect([place, after.get(place)]).toEqual([place, mask]);

    const replaces = { series: saved.series, sopInstanceUid: saved.sopInstanceUid };
    const second = await client.save(next.id, { description: 'Follow-up', replaces });
    expect(second).toMatchObject({ state: 'verified', description: 'Follow-up (demonstration) v2' });
    expect(second.series).not.toBe(saved.series);
  });

  it('of another series is refused', async () => {
    const other = { series, sopInstanceUid: String(sliceElements(volume, 6)[0]['00080018']?.Value[0]) };
    const answer = await client.ask<{ code: string }>('POST', '/api/v1/sessions', {
      source: { study, series },
      segmentation: other,
    });
    expect([answer.status, answer.body.code]).toEqual([expect.any(Number), 'not-a-segmentation']);
    expect(answer.status).toBeLessThan(500);
  });
});
