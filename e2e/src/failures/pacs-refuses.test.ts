/** The PACS does not take a segmentation: the panel says so and why, and doing it again succeeds. */
import { startUnrulyProxy, type Misbehaviour, type UnrulyProxy } from '@medsam2/tests/dist/support/unruly-proxy.js';
import {
  describeWithViewer,
  diceWith,
  openViewer,
  propagate,
  segment,
  structureOf,
  waitForMask,
  type OpenedViewer,
  type PhantomStudy,
} from '../support/index.js';
import { partWith, until } from './panel.js';

const organ = 'left kidney';
const json = { 'content-type': 'application/dicom+json' };
const refusals: readonly (readonly [string, Misbehaviour, string, RegExp, RegExp])[] = [
  [
    'refuses it',
    { status: 409, headers: json, body: '{}' },
    'refused',
    /The archive refused/,
    /The PACS refuses the object/,
  ],
  [
    'is overloaded',
    { status: 503, headers: { 'retry-after': '600' } },
    'waiting',
    /safe on the server, but not in/,
    /503/,
  ],
];

describeWithViewer('saving into a PACS that', () => {
  let opened: OpenedViewer;
  let study: PhantomStudy;
  let pacs: UnrulyProxy;

  beforeAll(async () => {
    opened = await openViewer({
      name: 'pacs',
      beforePacs: async (url) => {
        const { origin, pathname } = new URL(url);
        pacs = await startUnrulyProxy(origin);
        return { url: pacs.url + pathname, close: () => pacs.close() };
      },
    });
    study = opened.study('ct');
    await opened.viewer.open(study);
    await segment(opened.viewer, study, organ);
    await waitForMask(opened.viewer, study, 1, structureOf(study, organ).slice);
    await propagate(opened.viewer);
  });
  afterAll(() => opened?.close());
  afterEach(() => pacs?.forget());

  it.each(refusals)('%s is said, and succeeds later', async (name, refusal, state, words, reason) => {
    const { viewer } = opened;
    const before = (await opened.saved(study)).length;
    await viewer.part('medsam2-save-description').fill(`A PACS that ${name}`);
    pacs.behave = ({ method }) => (method === 'POST' ? refusal : undefined);
    await viewer.press('medsam2-save');
    const row = await partWith(viewer, 'medsam2-save-state', { 'data-state': state });
    const severity = state === 'refused' ? 'error' : 'warning';
    const notice = await partWith(viewer, 'medsam2-notice', { 'data-severity': severity });
    expect(await notice.innerText()).toMatch(words);
    // the reason, in the server's words
    expect(await row.innerText()).toMatch(reason);
    await viewer.picture(`pacs-${state}`);
    expect(await opened.saved(study)).toHaveLength(before);

    pacs.forget();
    await notice.locator('[data-cy=medsam2-notice-retry]').click();
    await until(viewer, 'the save to be verified', async () => {
      const newest = viewer.part('medsam2-save-state').first();
      return (await newest.getAttribute('data-state')) === 'verified';
    });
    await viewer.picture(`pacs-${state}-then-saved`);
    const saved = await opened.saved(study);
    expect(saved).toHaveLength(before + 1);
    const mine = saved.find(({ description }) => description.startsWith(`A PACS that ${name}`));
    expect(mine?.segments).toHaveLength(1);
    const { label } = structureOf(study, organ);
    expect(diceWith(mine?.segments[0].mask ?? new Uint8Array(), study.truth, label)).toBeGreaterThan(0.85);
  });
});
