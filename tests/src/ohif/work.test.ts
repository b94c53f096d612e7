/** From a box to a saved segmentation and on from it, as the panel and the viewer ask for it. */
import type { SeriesTarget, WorkState } from '@medsam2/ohif-extension';
import { MemoryViewer } from '@medsam2/ohif-extension/testing';
import { benchSeries } from '../bench/series.js';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../support/orthanc.js';
import { startServerProcess, type ServerProcess } from '../support/server-process.js';
import { savedMasks } from './read-saved.js';
import { dice, memoryStorage, Person, targetOf } from './support.js';

const series = benchSeries(51, 24, 96);
const other = benchSeries(52, 16, 64);
const size = 96 * 96;
const rectangle = { rows: 96, columns: 96 };

describeWithOrthanc('work on a series in a viewer', () => {
  let orthanc: Orthanc;
  let server: ServerProcess;
  let target: SeriesTarget;
  let viewer: MemoryViewer;
  let person: Person;
  const storage = memoryStorage();

  beforeAll(async () => {
    orthanc = await startOrthanc();
    await orthanc.upload([...series.files(), ...other.files()]);
    server = await startServerProcess({ env: { DICOMWEB_URL: orthanc.url } });
    target = targetOf(series, 'ds1');
    viewer = new MemoryViewer(target);
    person = new Person(viewer, server.url, storage);
  });
  afterAll(async () => {
    person?.bench.close();
    await server?.close();
    await orthanc?.close();
  });

  const isQuiet = ({ pending }: WorkState) => pending === 0;
  /** The viewer lists the images the other way round. */
  const imageOf = (slice: number) => target.images[target.images.length - 1 - slice];
  const maskOf = (slice: number, segment = 1) => viewer.mask(segment, imageOf(slice));
  const masks = (segment = 1) => target.images.map((_, slice) => maskOf(slice, segment));
  const filled = (segment = 1) => masks(segment).flatMap((mask, slice) => (mask?.includes(1) === true ? [slice] : []));

  it('shows volumes before anything is drawn, and why nothing can be saved', async () => {
    const { volumes, volume, unavailable } = await person.until(
      'volumes',
      (state) => state.unavailable.draw === undefined,
    );
    expect([volumes[0].slices, volume]).toEqual([24, volumes[0].index]);
    expect(unavailable.save).toEqual({ key: 'why.no-session' });
  });

  it('answers a box at once: session, first segment and mask by themselves', async () => {
    const id = person.drawBox(series);
    expect(viewer.prompts).toMatchObject([{ id, pending: true }]);
    await person.until('the mask', () => maskOf(series.slice)?.includes(1) === true);
    const state = await person.until('the prompt', ({ prompts }) => prompts[0]?.state === 'accepted');
    expect(state.prompts).toMatchObject([{ id, segment: 1, slice: series.slice, kind: 'box' }]);
    expect(state.segments).toMatchObject([{ id: 1, label: 'Segment 1', sliceCount: 1 }]);
    expect(viewer.prompts).toMatchObject([{ id, pending: false, colour: state.segments[0].colour }]);
    // the window of the viewer is the model's
    expect(state.session?.windowText).toContain('400');
    expect(state.position).toBe(23);
  });

  it('propagates into the viewer, with scores, statistics and what happened', async () => {
    await person.actions.propagate();
    const state = await person.until('the end', ({ run }) => run?.state === 'done');
    await person.until(
      'all masks',
      ({ segments }) => filled().length === segments[0].sliceCount && filled().length > 5,
    );
    expect(dice(masks(), series.phantom.truth.labels, size)).toBeGreaterThan(0.85);
    expect(person.notice('run')).toMatchObject({ severity: 'success', text: { key: 'notice.run-done' } });
    const scores = person.state.scores.get(1) ?? [];
    expect(scores.map(({ slice }) => slice)).toEqual(filled());
    for (const { confidence, iou, presence } of scores)
      expect(confidence).toBeCloseTo(iou / (1 + Math.exp(-presence)), 6);
    expect(state.run?.done).toBe(state.run?.total);
    const { segments } = await person.until(
      'statistics',
      ({ segments: [first] }) => first.statistics !== undefined && !first.statisticsPending,
    );
    expect(segments[0].statistics?.voxels).toBe(
      masks().reduce((sum, mask) => sum + (mask?.filter((v) => v > 0).length ?? 0), 0),
    );
  });

  it('takes back and does again, however fast the keys come, and loses none', async () => {
    const before = filled();
    const keys = [person.actions.undo(), person.actions.undo(), person.actions.redo(), person.actions.redo()];
    await Promise.all(keys);
    await person.until('all masks again', () => filled().length === before.length);
    expect(filled()).toEqual(before);
    await person.actions.undo();
    await person.until('the box alone', () => filled().length === 1);
    await person.actions.undo();
    await person.until('nothing', ({ prompts }) => filled().length === 0 && prompts.length === 0);
    expect(viewer.prompts).toEqual([]);
    await person.actions.redo();
    await person.actions.redo();
    await person.until('everything', () => filled().length === before.length);
    expect(person.state.unavailable.redo).toEqual({ key: 'why.no-redo' });
  });

  it('keeps what is painted with the viewer’s brush to the pixel', async () => {
    const slice = filled()[1];
    viewer.paint(1, imageOf(slice), rectangle, (mask) => mask.fill(1, 0, 40));
    await person.until('quiet', isQuiet);
    viewer.paint(1, imageOf(slice), rectangle, (mask) => mask.fill(1, 96, 130));
    const painted = maskOf(slice);
    await person.until(
      'the edit',
      ({ scores }) => scores.get(1)?.find((score) => score.slice === slice)?.origin === 'edited',
    );
    await person.until('quiet', isQuiet);
    expect(maskOf(slice)).toEqual(painted);
    expect(person.state.scores.get(1)?.find((score) => score.slice === slice)).toMatchObject({
      confidence: 1,
      doubtful: false,
    });

    await person.actions.propagate();
    await person.until('the end', ({ run }) => run?.state === 'done');
    await person.actions.undo();
    expect(maskOf(slice)).toEqual(painted);
    await person.actions.undo();
    await person.until('one stroke less', () => maskOf(slice)?.[96] === 0 && maskOf(slice)?.[0] === 1);
    await person.actions.redo();
    await person.until('both strokes', () => maskOf(slice)?.[96] === 1);
  });

  it('repairs a stretch and leaves the rest', async () => {
    const before = masks();
    person.actions.setRange({ first: series.slice + 1, last: series.slice + 2 });
    await person.actions.propagate();
    await person.until('the end', ({ run }) => run?.state === 'done');
    expect(person.state.run?.total).toBe(2);
    const outside = target.images.flatMap((_, slice) =>
      slice > series.slice && slice < series.slice + 3 ? [] : [slice],
    );
    for (const slice of outside) expect([slice, maskOf(slice)]).toEqual([slice, before[slice]]);
    person.actions.setRange(undefined);
  });

  it('draws on the segment that is active, and removes it with its prompts', async () => {
    await person.actions.addSegment({ label: 'Second' });
    expect(person.state.activeSegment).toBe(2);
    person.drawBox(series);
    await person.until('its mask', ({ answering }) => answering === 0 && filled(2).length === 1);
    person.actions.showSegment(2, false);
    await person.until('it to be hidden', () => viewer.segments()[1]?.visible === false);
    await person.actions.removeSegment(2);
    expect(person.state.segments.map(({ id }) => id)).toEqual([1]);
    expect(viewer.prompts.map(({ segment }) => segment)).toEqual([1]);
    await person.until('the viewer to know', () => viewer.segments().length === 1);
    await person.actions.undo();
    await person.until('it to be back', () => filled(2).length === 1);
    await person.actions.removeSegment(2);
    expect(person.state.activeSegment).toBe(1);
  });

  it('keeps a prompt that is refused, and sends it again when the reason is gone', async () => {
    await person.actions.changeSegment(1, { locked: true });
    expect(person.state.unavailable.draw).toMatchObject({ key: 'why.locked' });
    const before = maskOf(series.slice + 1);
    const id = person.drawBox({ ...series, slice: series.slice + 1 });
    await person.until('the refusal', ({ prompts }) =>
      prompts.some((prompt) => prompt.id === id && prompt.state === 'failed'),
    );
    expect(person.notice(`prompt:${id}`)).toMatchObject({
      text: { problem: { code: 'segment-locked' } },
      canRetry: true,
    });
    await person.actions.changeSegment(1, { locked: false });
    await person.actions.retry(`prompt:${id}`);
    await person.until('acceptance', ({ prompts }) =>
      prompts.some((prompt) => prompt.id === id && prompt.state === 'accepted'),
    );
    expect(person.notice(`prompt:${id}`)).toBeUndefined();
    viewer.removePrompt(id);
    await person.until('removal', ({ prompts }) => prompts.every((prompt) => prompt.id !== id));
    await person.until('the mask that was there', () => String(maskOf(series.slice + 1)) === String(before));
  });

  it('is there again after the page was loaded anew', async () => {
    const before = masks();
    const { session } = person.state;
    person.bench.close();
    expect(viewer.listenerCount).toBe(0);
    viewer = new MemoryViewer(target);
    person = new Person(viewer, server.url, storage);
    await person.until('the session', (state) => state.session?.id === session?.id);
    await person.until(
      'the masks',
      () => filled().length === before.filter((mask) => mask?.includes(1) === true).length,
    );
    for (const slice of filled()) expect([slice, maskOf(slice)]).toEqual([slice, before[slice]]);
    expect(person.state.prompts.map(({ state }) => state)).toEqual(['accepted']);
  });

  it('keeps each series’ work while another is in the viewport', async () => {
    const otherTarget = targetOf(other, 'ds2');
    viewer.open(otherTarget);
    expect(person.state.segments).toEqual([]);
    person.drawBox(other);
    await person.until('a mask on the other', () => viewer.filled(1, 'ds2').length === 1);
    viewer.open({ reason: { key: 'viewer.no-series' } });
    expect([person.state.noTarget, person.state.unavailable.draw]).toEqual([
      { key: 'viewer.no-series' },
      { key: 'viewer.no-series' },
    ]);
    viewer.open(target);
    expect(person.state.segments[0].sliceCount).toBe(filled().length);
    viewer.open(otherTarget);
    await person.actions.discard();
    expect([person.state.session, viewer.segments('ds2')]).toEqual([undefined, []]);
    viewer.open(target);
  });

  it('saves what is shown, voxel for voxel, and goes on from it', async () => {
    await person.actions.save({ description: 'Lesion', reviewed: true });
    const { saves, session } = await person.until('confirmation', ({ session: now }) => now?.unsaved === false);
    expect(saves[0].state).toBe('verified');
    expect(person.notice(`save:${saves[0].id}`)).toMatchObject({ severity: 'success' });
    const saved = await savedMasks(
      orthanc,
      saves[0],
      1,
      (uid) => target.images.length - 1 - target.images.findIndex((image) => image.sopInstanceUid === uid),
    );
    for (const slice of filled()) expect([slice, saved.get(slice)]).toEqual([slice, maskOf(slice)]);
    expect([...saved.keys()].sort((a, b) => a - b)).toEqual(filled());

    await person.actions.openSaved(saves[0]);
    expect(viewer.opened).toMatchObject([{ sopInstanceUid: saves[0].sopInstanceUid }]);

    const before = masks();
    // the viewer does not list it yet
    expect(viewer.storedSegmentations()).toEqual([]);
    const [stored, ...others] = person.state.stored;
    expect(stored).toEqual({
      series: saves[0].series,
      sopInstanceUid: saves[0].sopInstanceUid,
      description: saves[0].description,
    });
    expect(others).toEqual([]);
    await person.actions.continueFrom(stored);
    await person.until('the masks', () => filled().length === saved.size);
    expect(person.state.session?.id).not.toBe(session?.id);
    for (const slice of filled()) expect([slice, maskOf(slice)]).toEqual([slice, before[slice]]);
    // listed by the viewer, too, it is the same one
    viewer.stored = [stored];
    viewer.open(target);
    expect(person.state.stored).toEqual([stored]);
    await person.actions.discard();
    expect(filled()).toEqual([]);
    // the stream's end is no news to who ended it
    expect(person.notice('session')).toBeUndefined();
  });
});
