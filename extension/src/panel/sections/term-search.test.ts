/** @jest-environment jsdom */
import { jest } from '@jest/globals';
import { act, fireEvent } from '@testing-library/react';
import { drawPanel, type DrawnPanel } from '../testing/draw.js';
import { readyState, termHits } from '../testing/state.js';
import { memoryWorkbench } from '../testing/workbench.js';

let panel: DrawnPanel | undefined;
beforeEach(() => jest.useFakeTimers({ doNotFake: ['requestAnimationFrame', 'queueMicrotask', 'performance'] }));
afterEach(() => {
  jest.useRealTimers();
  panel?.unmount();
  panel = undefined;
});

const draw = async (...given: Parameters<typeof drawPanel>) => (panel = await drawPanel(...given));
const input = () => panel?.get('medsam2-term') as HTMLInputElement;
const options = () => panel?.all('medsam2-term-option') ?? [];
const marked = () => options().find((option) => option.getAttribute('aria-selected') === 'true');
const type = async (text: string) => {
  fireEvent.change(input(), { target: { value: text } });
  await act(() => jest.advanceTimersByTimeAsync(200));
};

describe('search for coded terms', () => {
  it('shows the term of the segment, and finds others as one types', async () => {
    await draw(readyState);
    expect([input().value, input().getAttribute('aria-expanded')]).toEqual(['Liver', 'false']);
    await type('i');
    expect(input().getAttribute('aria-expanded')).toBe('true');
    expect(options().map((option) => option.textContent)).toEqual(['LiverLiver', 'KidneyKidney']);
    expect(panel?.root.textContent).toContain('2 terms found. Choose with the arrow keys.');
  });

  it('is worked with arrow keys and Enter: label, terms and colour are set together', async () => {
    const { workbench } = await draw(readyState);
    await type('i');
    expect(input().getAttribute('aria-activedescendant')).toBe(marked()?.id);
    fireEvent.keyDown(input(), { key: 'ArrowDown' });
    expect(marked()?.textContent).toBe('KidneyKidney');
    fireEvent.keyDown(input(), { key: 'ArrowDown' });
    expect(marked()?.textContent).toBe('LiverLiver');
    fireEvent.keyDown(input(), { key: 'ArrowUp' });
    fireEvent.keyDown(input(), { key: 'Enter' });
    const { label, terms, colour } = termHits[1];
    expect(workbench.calls.at(-1)).toEqual(['changeSegment', 1, { label, terms, colour }]);
    expect(options()).toEqual([]);
  });

  it('leaves the colour where another segment has one like the term’s', async () => {
    const [{ label, terms, colour }] = termHits;
    const first = { ...readyState.segments[0], colour: [0, 114, 178] as const };
    const { workbench } = await draw({ ...readyState, segments: [first, { ...first, id: 2, colour }] });
    await type('i');
    fireEvent.keyDown(input(), { key: 'Enter' });
    expect(workbench.calls.at(-1)).toEqual(['changeSegment', 1, { label, terms }]);
  });

  it('opens with an arrow key, and Escape leaves all as it was', async () => {
    const { workbench } = await draw(readyState);
    fireEvent.keyDown(input(), { key: 'ArrowDown' });
    await act(() => jest.advanceTimersByTimeAsync(200));
    expect(options()).toHaveLength(termHits.length);
    fireEvent.keyDown(input(), { key: 'Escape' });
    expect([input().value, options().length]).toEqual(['Liver', 0]);
    expect(workbench.calls.map(([name]) => name)).toEqual(['searchTerms']);
  });

  it('is worked with the pointer', async () => {
    const { workbench } = await draw(readyState);
    await type('spl');
    fireEvent.pointerDown(options()[0]);
    expect(workbench.getState().segments[0].label).toBe('Spleen');
  });

  it('says when nothing was found', async () => {
    await draw(readyState);
    await type('xyz');
    expect(panel?.root.textContent).toContain('No term found.');
    fireEvent.keyDown(input(), { key: 'Enter' });
    expect(panel?.workbench.getState().segments[0].label).toBe('Liver');
  });

  it('drops answers to what is no longer asked', async () => {
    const workbench = memoryWorkbench(readyState);
    const slow: (() => void)[] = [];
    const search = (query: string) =>
      new Promise<typeof termHits>((resolve) =>
        slow.push(() => resolve(termHits.filter(({ label }) => label.toLowerCase().includes(query)))),
      );
    await draw({ ...workbench, actions: { ...workbench.actions, searchTerms: search } });
    await type('liv');
    await type('kid');
    await act(async () => {
      slow[1]();
      await Promise.resolve();
      slow[0]();
      await Promise.resolve();
    });
    expect(options().map((option) => option.textContent)).toEqual(['KidneyKidney']);
  });
});
