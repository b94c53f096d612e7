/** @jest-environment jsdom */
import { fireEvent } from '@testing-library/react';
import { drawPanel, type DrawnPanel } from '../testing/draw.js';
import { readyState, score } from '../testing/state.js';

let panel: DrawnPanel | undefined;
afterEach(() => {
  panel?.unmount();
  panel = undefined;
});
const draw = async (...given: Parameters<typeof drawPanel>) => (panel = await drawPanel(...given));

describe('the strip', () => {
  const scored = {
    ...readyState,
    scores: new Map([
      [1, [score(18, 0.9), score(19, 0.4), score(20, 0.95), score(21, 0, { pixels: 0, doubtful: false })]],
    ]),
  };
  it('moves the viewer by keys and says slice and confidence', async () => {
    const { get, workbench, frame } = await draw(scored);
    const strip = get('medsam2-strip');
    expect(strip.getAttribute('aria-valuetext')).toBe('Slice 20 of 40, confidence 40%, doubtful');
    for (const key of ['ArrowRight', 'PageUp', 'Home', 'End', 'End']) {
      fireEvent.keyDown(strip, { key });
      await frame();
    }
    expect(workbench.calls.map(([, slice]) => slice)).toEqual([20, 30, 0, 39]);
  });

  it('sums up in words', async () => {
    const { get, change } = await draw(scored);
    expect(get('medsam2-strip-summary').textContent).toBe('1 of 3 slices doubtful. Lowest: 40% on slice 20.');
    await change({ scores: new Map() });
    expect(get('medsam2-strip-summary').textContent).toBe('Not segmented yet.');
  });

  it('goes to doubtful slices', async () => {
    const { get, workbench } = await draw(scored);
    fireEvent.click(get('medsam2-next-doubtful'));
    fireEvent.click(get('medsam2-previous-doubtful'));
    expect(workbench.calls).toEqual([
      ['nextDoubtful', 1],
      ['nextDoubtful', -1],
    ]);
  });

  it('sets the stretch by keys on its two handles, which cannot pass each other', async () => {
    const { get, workbench, frame } = await draw(scored);
    const [first, last] = [get('medsam2-range-first'), get('medsam2-range-last')];
    expect([first, last].map((one) => one.getAttribute('aria-valuetext'))).toEqual(['Slice 1 of 40', 'Slice 40 of 40']);
    fireEvent.keyDown(first, { key: 'PageUp' });
    await frame();
    expect(workbench.getState().range).toEqual({ first: 10, last: 39 });
    fireEvent.keyDown(last, { key: 'Home' });
    await frame();
    expect(workbench.getState().range).toEqual({ first: 10, last: 10 });
    expect(first.getAttribute('aria-valuemax')).toBe('11');
    fireEvent.keyDown(first, { key: 'ArrowRight' });
    fireEvent.keyDown(last, { key: 'End' });
    await frame();
    fireEvent.keyDown(first, { key: 'Home' });
    await frame();
    expect(workbench.getState().range).toBeUndefined();
  });

  it('takes its ends from the slice on show, and renames what propagation does', async () => {
    const { get, frame } = await draw({ ...scored, unavailable: {} });
    expect(get('medsam2-clear-range').getAttribute('aria-disabled')).toBe('true');
    fireEvent.click(get('medsam2-from-current'));
    await frame();
    expect(get('medsam2-propagate').textContent).toBe('Re-propagate slices 20–40');
    fireEvent.click(get('medsam2-to-current'));
    await frame();
    expect(get('medsam2-propagate').textContent).toBe('Re-propagate slices 20–20');
    fireEvent.click(get('medsam2-clear-range'));
    await frame();
    expect(get('medsam2-propagate').textContent).toBe('Propagate');
  });
});
