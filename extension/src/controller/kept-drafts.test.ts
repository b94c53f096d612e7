import type { Draft } from './data.js';
import { KeptDrafts } from './kept-drafts.js';

const draft = (id: string): Draft => ({
  id,
  segment: 1,
  state: 'sending',
  drawing: { kind: 'box', place: { slice: 3 }, box: [1, 2, 3, 4] },
});

function storage(text?: string) {
  let value = text ?? null;
  return { getItem: () => value, setItem: (_key: string, next: string) => void (value = next) };
}

test('drawings come back by session, those of others do not', () => {
  const tab = storage();
  new KeptDrafts(tab).keep('a', [draft('one'), draft('two')]);
  new KeptDrafts(tab).keep('b', [draft('three')]);
  expect(new KeptDrafts(tab).of('a')).toEqual([draft('one'), draft('two')]);
  expect(new KeptDrafts(tab).of('c')).toEqual([]);
  new KeptDrafts(tab).keep('a', []);
  expect([new KeptDrafts(tab).of('a'), new KeptDrafts(tab).of('b')]).toEqual([[], [draft('three')]]);
});

test('only so many sessions are kept, the newest', () => {
  const tab = storage();
  for (let session = 0; session < 30; session++) new KeptDrafts(tab).keep(`s${session}`, [draft('x')]);
  const kept = Array.from({ length: 30 }, (_, session) => new KeptDrafts(tab).of(`s${session}`).length);
  expect(kept.indexOf(1)).toBe(10);
});

test('something else in the storage counts as nothing; without storage nothing is kept, and nothing fails', () => {
  for (const text of ['{', '7', '[{"session":"a"}]', '[{"session":"a","drafts":[{"id":1}]}]']) {
    expect(new KeptDrafts(storage(text)).of('a')).toEqual([]);
  }
  const without = new KeptDrafts(undefined);
  without.keep('a', [draft('one')]);
  expect(without.of('a')).toEqual([]);
});
