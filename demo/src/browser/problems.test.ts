import { Problems } from './problems.js';

describe('problems of a page', () => {
  it('are all told, but those that a test expects', () => {
    const problems = new Problems();
    problems.add({ kind: 'failed-request', text: '404 GET /missing.js' });
    problems.add({ kind: 'page-error', text: 'x is not a function' });
    expect(problems.all()).toHaveLength(2);
    expect(problems.all([/missing/])).toEqual([{ kind: 'page-error', text: 'x is not a function' }]);
    problems.clear();
    expect(problems.all()).toEqual([]);
  });
});
