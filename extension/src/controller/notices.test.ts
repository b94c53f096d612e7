import { aborted, unreachable } from '../client/api-error.js';
import { catalogueOf } from '../i18n/catalogue.js';
import { languages } from '../i18n/area.js';
import { translator } from '../i18n/translate.js';
import type { SharedData } from './data.js';
import { Notices } from './notices.js';
import { Store } from './store.js';

const setUp = () => {
  const shared = new Store<SharedData>({
    server: { phase: 'connecting' },
    models: [],
    windowChoice: 'viewer',
    direction: 'both',
    promptsVisible: true,
    saves: [],
    notices: [],
  });
  return { notices: new Notices(shared), ids: () => shared.get().notices.map(({ id }) => id) };
};
const text = { key: 'notice.resumed' } as const;

it('the newest is first, one about the same thing takes the older’s place, and what was read goes', () => {
  const { notices, ids } = setUp();
  for (const about of ['a', 'b', 'a']) notices.add({ about, severity: 'info', text });
  expect(ids()).toEqual(['a', 'b']);
  notices.dismiss('a');
  expect(ids()).toEqual(['b']);
});

it('what can be done again is done once, and kept longer than what can only be read', async () => {
  const { notices, ids } = setUp();
  let done = 0;
  notices.failure('again', unreachable(), () => Promise.resolve(void done++));
  for (let at = 0; at < 20; at++) notices.add({ about: `n${at}`, severity: 'info', text });
  expect(ids()).toContain('again');
  expect(ids().length).toBe(8);
  await notices.retry('again');
  await notices.retry('again');
  expect([done, ids().includes('again')]).toEqual([1, false]);
});

it('what the user gave up is no failure', () => {
  const { notices, ids } = setUp();
  notices.failure('x', aborted());
  expect(ids()).toEqual([]);
});

it('every problem of the catalogue is in the user’s language; others stay as the server said them', () => {
  const codes = Object.keys(catalogueOf('en')).filter((key) => key.startsWith('problem.'));
  expect(codes.length).toBeGreaterThan(30);
  for (const language of languages) {
    const say = translator(language);
    for (const key of codes)
      expect(say({ problem: { code: key.slice('problem.'.length), detail: '?', remedy: '' } })).not.toContain('?');
    expect(say({ problem: { code: 'new', detail: 'It is so.', remedy: 'Do that.' } })).toBe('It is so. Do that.');
  }
});
