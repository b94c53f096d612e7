/** @jest-environment jsdom */
import { fireEvent } from '@testing-library/react';
import { drawPanel, type DrawnPanel } from '../testing/draw.js';
import { scenes } from '../testing/scenes.js';
import { prompt, readyState, save, score, segment, target } from '../testing/state.js';

let panel: DrawnPanel | undefined;
afterEach(() => {
  panel?.unmount();
  panel = undefined;
});
const draw = async (...given: Parameters<typeof drawPanel>) => (panel = await drawPanel(...given));

describe('the drawing tools', () => {
  it('are one stop of the Tab key, with arrow keys between them', async () => {
    const { get, root } = await draw(readyState);
    const toolbar = root.querySelector('[role=toolbar]');
    const stops = () =>
      [...(toolbar?.querySelectorAll('button[tabindex="0"]') ?? [])].map((one) => one.getAttribute('data-cy'));
    expect(stops()).toEqual(['medsam2-tool-box']);
    get('medsam2-tool-box').focus();
    fireEvent.keyDown(get('medsam2-tool-box'), { key: 'ArrowRight' });
    expect(root.activeElement).toBe(get('medsam2-tool-point'));
    fireEvent.keyDown(get('medsam2-tool-point'), { key: 'End' });
    expect(root.activeElement).toBe(get('medsam2-tool-brushEraser'));
    fireEvent.keyDown(get('medsam2-tool-brushEraser'), { key: 'ArrowRight' });
    expect(root.activeElement).toBe(get('medsam2-tool-box'));
    expect(stops()).toEqual(['medsam2-tool-box']);
  });

  it('show which one is taken, and are put down by pressing again', async () => {
    const { get, workbench, frame } = await draw(readyState, { hotkeys: { box: 'B' } });
    expect(get('medsam2-tool-box').textContent).toBe('B');
    fireEvent.click(get('medsam2-tool-box'));
    await frame();
    expect(get('medsam2-tool-box').getAttribute('aria-pressed')).toBe('true');
    expect(get('medsam2-hint').textContent).toBe('Draw a box around the object.');
    fireEvent.click(get('medsam2-tool-box'));
    expect(workbench.calls).toEqual([
      ['setTool', 'box'],
      ['setTool', undefined],
    ]);
  });
});

describe('segments', () => {
  const two = {
    ...readyState,
    segments: [segment(1, { label: 'Liver' }), segment(2, { label: 'Spleen' })],
  };
  const radio = (id: number) =>
    panel?.get(`medsam2-segment-${id}`).querySelector('input[type=radio]') as HTMLInputElement;
  it('are chosen as radio buttons of one group, and only the active one is on the way of the Tab key', async () => {
    const { workbench, root } = await draw(two);
    expect(radio(1).checked).toBe(true);
    expect([...root.querySelectorAll('[data-cy=medsam2-segment-2] [tabindex="0"]')]).toEqual([]);
    fireEvent.click(radio(2));
    expect(workbench.getState().activeSegment).toBe(2);
  });

  it('are renamed in place, and Escape keeps the name', async () => {
    const { get, find, workbench, root, frame } = await draw(two);
    fireEvent.keyDown(radio(1), { key: 'F2' });
    const input = get('medsam2-segment-name');
    expect(root.activeElement).toBe(input);
    fireEvent.change(input, { target: { value: ' Left lobe ' } });
    fireEvent.keyDown(input, { key: 'Enter' });
    await frame();
    expect(workbench.getState().segments[0].label).toBe('Left lobe');
    expect(root.activeElement).toBe(radio(1));
    fireEvent.click(get('medsam2-segment-rename'));
    fireEvent.change(get('medsam2-segment-name'), { target: { value: 'x' } });
    fireEvent.keyDown(get('medsam2-segment-name'), { key: 'Escape' });
    expect(find('medsam2-segment-name')).toBeUndefined();
    expect(workbench.calls).toHaveLength(1);
  });

  it('keep the focus in the list when one is deleted', async () => {
    const { get, root, frame } = await draw(two);
    get('medsam2-segment-delete').focus();
    fireEvent.click(get('medsam2-segment-delete'));
    await frame();
    expect(root.activeElement).toBe(radio(2));
    fireEvent.click(get('medsam2-segment-delete'));
    await frame();
    expect(root.activeElement).toBe(get('medsam2-add-segment'));
  });

  it('show figures of the active one, the old ones while new ones are worked out', async () => {
    const { get } = await draw(scenes.restricted, { language: () => 'de' });
    expect(get('medsam2-volume-ml').textContent).toBe('1.433 ml');
    expect(get('medsam2-statistics').getAttribute('aria-busy')).toBe('true');
  });

  it('change colour once the choice has ended', async () => {
    const { root, workbench } = await draw(two);
    const swatch = root.querySelector('[data-cy=medsam2-segment-1] [type=color]') as HTMLInputElement;
    fireEvent.input(swatch, { target: { value: '#010203' } });
    expect(workbench.calls).toEqual([]);
    fireEvent(swatch, new Event('change', { bubbles: true }));
    expect(workbench.calls).toEqual([['changeSegment', 1, { colour: [1, 2, 3] }]]);
  });
});

describe('saving', () => {
  it('states a review only when the user did, and takes it back when masks change', async () => {
    const { get, workbench, change } = await draw({ ...readyState, unavailable: {} });
    const reviewed = get('medsam2-reviewed') as HTMLInputElement;
    expect(reviewed.checked).toBe(false);
    fireEvent.click(reviewed);
    fireEvent.change(get('medsam2-save-description'), { target: { value: ' Liver ' } });
    fireEvent.click(get('medsam2-save'));
    expect(workbench.calls).toEqual([['save', { reviewed: true, description: 'Liver' }]]);
    await change({ scores: new Map([[1, [score(3, 0.9)]]]), saving: false });
    expect(reviewed.checked).toBe(false);
  });

  it('says what became of each save, with the reason of a refusal and a way on', async () => {
    const { all, get, workbench } = await draw({
      ...readyState,
      unavailable: {},
      saves: [save('refused', { message: 'No space.' }), save('waiting'), save('sending'), save('verified')],
    });
    expect(all('medsam2-save-state').map((one) => one.getAttribute('data-state'))).toEqual([
      'refused',
      'waiting',
      'sending',
      'verified',
    ]);
    expect(all('medsam2-save-state')[0].textContent).toContain('No space.');
    fireEvent.click(get('medsam2-save-again'));
    fireEvent.click(get('medsam2-open-saved'));
    expect(workbench.calls.map(([name]) => name)).toEqual(['save', 'openSaved']);
  });
});

describe('lists', () => {
  it('jumps to prompts and removes them', async () => {
    const { get, all, workbench } = await draw({ ...readyState, prompts: [prompt('a', 7), prompt('b', undefined)] });
    fireEvent.click(get('medsam2-prompts-toggle'));
    const [placed, open] = all('medsam2-prompt-jump');
    fireEvent.click(placed);
    fireEvent.click(open);
    fireEvent.click(all('medsam2-prompt-delete')[1]);
    fireEvent.click(get('medsam2-prompts-visible'));
    expect(workbench.calls).toEqual([
      ['jumpTo', 7],
      ['removePrompt', 'b'],
      ['showPrompts', false],
    ]);
  });

  it('remembers what was unfolded and written when the host takes the panel down', async () => {
    const first = await draw({ ...readyState, prompts: [prompt('a', 7)] });
    fireEvent.click(first.get('medsam2-prompts-toggle'));
    fireEvent.change(first.get('medsam2-save-description'), { target: { value: 'Liver' } });
    fireEvent.click(first.get('medsam2-reviewed'));
    first.unmount();
    const again = await draw(first.workbench);
    expect(again.all('medsam2-prompt')).toHaveLength(1);
    expect((again.get('medsam2-save-description') as HTMLInputElement).value).toBe('Liver');
    expect((again.get('medsam2-reviewed') as HTMLInputElement).checked).toBe(false);
  });

  it('chooses among volumes and windows', async () => {
    const { get, workbench } = await draw({ ...scenes.volumes, target: target() });
    fireEvent.change(get('medsam2-volume'), { target: { value: '2' } });
    fireEvent.change(get('medsam2-window'), { target: { value: 'preset:lung' } });
    expect(workbench.calls).toEqual([
      ['chooseVolume', 2],
      ['chooseWindow', 'preset:lung'],
    ]);
  });
});
