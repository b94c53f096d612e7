/** @jest-environment jsdom */
import { fireEvent } from '@testing-library/react';
import { drawPanel, type DrawnPanel } from './testing/draw.js';
import { readyState } from './testing/state.js';

describe('keys and the hotkeys of the host', () => {
  let panel: DrawnPanel;
  const heard: string[] = [];
  const listen = (event: KeyboardEvent) => heard.push(`${event.type} ${event.key}`);
  const types = ['keydown', 'keypress', 'keyup'] as const;

  beforeEach(async () => {
    panel = await drawPanel(readyState);
    for (const type of types) document.addEventListener(type, listen);
  });
  afterEach(() => {
    for (const type of types) document.removeEventListener(type, listen);
    heard.length = 0;
    panel.unmount();
  });
  const press = (cy: string, key: string) => {
    fireEvent.keyDown(panel.get(cy), { key });
    fireEvent.keyPress(panel.get(cy), { key, charCode: 98 });
    fireEvent.keyUp(panel.get(cy), { key });
  };

  it('keeps what is typed into a field to itself', () => {
    for (const cy of ['medsam2-save-description', 'medsam2-term', 'medsam2-model']) press(cy, 'b');
    expect(heard).toEqual([]);
  });

  it('lets hotkeys work while a button has the focus', () => {
    press('medsam2-propagate', 'b');
    expect(heard).toEqual(['keydown b', 'keypress b', 'keyup b']);
  });

  it.each([
    ['medsam2-propagate', 'Enter'],
    ['medsam2-propagate', ' '],
    ['medsam2-strip', 'ArrowLeft'],
    ['medsam2-range-first', 'End'],
    ['medsam2-tool-box', 'ArrowRight'],
    ['medsam2-reviewed', ' '],
    ['medsam2-direction-both', 'ArrowRight'],
  ])('keeps what %s uses itself: "%s"', (cy, key) => {
    press(cy, key);
    expect(heard).toEqual([]);
  });

  it('leaves the Tab key and keys that a control does not use alone', () => {
    fireEvent.keyDown(panel.get('medsam2-term'), { key: 'Tab' });
    fireEvent.keyDown(panel.get('medsam2-strip'), { key: 'b' });
    fireEvent.keyDown(panel.get('medsam2-reviewed'), { key: 'z' });
    expect(heard).toEqual(['keydown Tab', 'keydown b', 'keydown z']);
  });
});
