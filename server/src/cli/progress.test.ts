import { PassThrough } from 'node:stream';
import { createProgress } from './progress.js';

function recorded(isTTY: boolean, quiet = false) {
  const stderr = new PassThrough();
  const progress = createProgress({ stderr, isTTY }, 'slices', quiet);
  return { progress, text: () => String(stderr.read() ?? '') };
}

describe('createProgress', () => {
  it('writes a line for each tenth where nobody watches, however many slices there are', () => {
    const { progress, text } = recorded(false);
    for (let done = 0; done <= 1000; done++) progress.update(done, 1000);
    progress.stop();
    const lines = text().trimEnd().split('\n');
    expect(lines.length).toBe(10);
    expect(lines[0]).toMatch(/^100 of 1000 slices/);
    expect(lines[9]).toMatch(/^1000 of 1000 slices/);
    expect(lines.join()).not.toContain('\u001b');
  });

  it('begins anew after stop', () => {
    const { progress, text } = recorded(false);
    for (let run = 0; run < 2; run++) {
      progress.update(5, 5);
      progress.stop();
    }
    expect(text().match(/5 of 5 slices/g)?.length).toBe(2);
  });

  it('says nothing when quiet', () => {
    const { progress, text } = recorded(true, true);
    progress.note('a note');
    progress.update(1, 2);
    progress.stop();
    expect(text()).toBe('');
  });

  it('takes its bar off a terminal before a note and at the end', () => {
    const { progress, text } = recorded(true);
    progress.update(1, 2);
    progress.note('a note');
    progress.update(2, 2);
    progress.stop();
    expect(text()).toContain('a note\n');
  });
});
