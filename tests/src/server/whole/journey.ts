import { encodeRuns, toBase64, type PromptAnswer, type SaveState, type SessionState } from '@medsam2/protocol';
import type { Client } from '../../support/client.js';
import type { Orthanc } from '../../support/orthanc.js';

/** A box on a slice, [x0, y0, x1, y1], and the slices that are followed from there. */
export interface Task {
  readonly slice: number;
  readonly box: readonly [number, number, number, number];
  readonly range: { readonly first: number; readonly last: number };
}

export interface Journey {
  readonly session: SessionState;
  readonly images: readonly { readonly sopInstanceUid: string; readonly frame?: number }[];
  /** `segment/slice` to [row][column], as the session shows them */
  readonly masks: ReadonlyMap<string, Uint8Array>;
  readonly answer: PromptAnswer;
}

/** A box in the middle third of the middle slice, and its neighbours. */
export function middleTask({ volume }: SessionState): Task {
  if (volume === undefined) throw new Error('a session that is ready has a volume');
  const { slices, rows, columns } = volume;
  const slice = Math.floor(slices / 2);
  return {
    slice,
    box: [Math.floor(columns / 3), Math.floor(rows / 3), Math.ceil((2 * columns) / 3), Math.ceil((2 * rows) / 3)],
    range: { first: Math.max(0, slice - 1), last: Math.min(slices - 1, slice + 1) },
  };
}

/** From a session that is ready to masks on all slices of the task. */
export async function segment(client: Client, session: SessionState, task: Task): Promise<Journey> {
  const { id } = session;
  const { id: number } = await client.addSegment(id, 'Object');
  const { images } = await client.must<Pick<Journey, 'images'>>('GET', `/sessions/${id}/images`);
  const drawing = { kind: 'box', place: images[task.slice], box: task.box };
  const answer = await client.prompt(id, number, drawing);
  await client.propagated(id, { range: task.range, stop: { absentSlices: null } });
  return { session, images, masks: await client.masks(id), answer };
}

/** A second segment whose mask cannot be turned, shifted or mirrored unseen. */
export async function paint(client: Client, { id, volume }: SessionState, slice: number): Promise<void> {
  const { rows = 0, columns = 0 } = volume ?? {};
  const mask = Uint8Array.from({ length: rows * columns }, (_, at) => {
    const [x, y] = [at % columns, Math.floor(at / columns)];
    return x < columns / 2 && y < rows / 3 && (x * 7 + y * 3) % 11 < 4 ? 1 : 0;
  });
  const { id: number } = await client.addSegment(id, 'Painted');
  const runs = toBase64(encodeRuns(mask));
  await client.must('PUT', `/sessions/${id}/segments/${number}/slices/${slice}`, { mask: { rows, columns, runs } });
}

/** What QIDO-RS finds of an instance, as [study, series, instance], and the instance's bytes as the PACS keeps them. */
export async function stored(
  orthanc: Orthanc,
  { study, sopInstanceUid }: Pick<SaveState, 'study' | 'sopInstanceUid'>,
): Promise<{ readonly found: string[][]; readonly bytes: Uint8Array }> {
  const answer = await fetch(`${orthanc.url}/studies/${study}/instances?SOPInstanceUID=${sopInstanceUid}`);
  const found = (answer.status === 204 ? [] : await answer.json()) as Record<string, { Value?: string[] }>[];
  const ids = (await (await orthanc.fetch('/tools/lookup', { method: 'POST', body: sopInstanceUid })).json()) as {
    ID: string;
    Type: string;
  }[];
  const file = await orthanc.fetch(`/instances/${ids.find(({ Type }) => Type === 'Instance')?.ID}/file`);
  if (!file.ok) throw new Error(`the PACS does not hold ${sopInstanceUid}`);
  const value = (dataset: (typeof found)[number], tag: string): string => dataset[tag]?.Value?.[0] ?? '';
  return {
    found: found.map((dataset) => ['0020000D', '0020000E', '00080018'].map((tag) => value(dataset, tag))),
    bytes: new Uint8Array(await file.arrayBuffer()),
  };
}
