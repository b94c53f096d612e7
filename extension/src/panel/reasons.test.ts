/** @jest-environment jsdom */
import { fireEvent } from '@testing-library/react';
import { guardedActions } from './../contract/work.js';
import { drawPanel, type DrawnPanel } from './testing/draw.js';
import { readyState } from './testing/state.js';

let panel: DrawnPanel | undefined;
afterEach(() => {
  panel?.unmount();
  panel = undefined;
});
const draw = async (...given: Parameters<typeof drawPanel>) => (panel = await drawPanel(...given));

describe('what cannot be done', () => {
  const buttons = [
    ['draw', 'medsam2-tool-box'],
    ['edit', 'medsam2-tool-brush'],
    ['addSegment', 'medsam2-add-segment'],
    ['removeSegment', 'medsam2-segment-delete'],
    ['propagate', 'medsam2-propagate'],
    ['stop', 'medsam2-stop'],
    ['undo', 'medsam2-undo'],
    ['redo', 'medsam2-redo'],
    ['reset', 'medsam2-reset'],
    ['save', 'medsam2-save'],
    ['nextDoubtful', 'medsam2-next-doubtful'],
    ['chooseModel', 'medsam2-model'],
  ] as const;
  it.each(buttons)('says why there is no %s, stays reachable and does nothing', async (action, cy) => {
    const { get, workbench } = await draw({
      ...readyState,
      canUndo: true,
      canRedo: true,
      unavailable: {
        [action]: { key: 'panel.why.saving' },
      },
    });
    const control = get(cy);
    const reason = control.getAttribute('aria-describedby') ?? '';
    expect(control.getAttribute('aria-disabled')).toBe('true');
    expect(control.hasAttribute('disabled')).toBe(false);
    expect(control.ownerDocument && panel?.root.getElementById(reason)?.textContent).toBe('A save is under way.');
    fireEvent.focus(control);
    expect(get('medsam2-tip').textContent).toContain('A save is under way.');
    fireEvent.keyDown(control, { key: 'Escape' });
    expect(panel?.find('medsam2-tip')).toBeUndefined();
    fireEvent.click(control);
    if (control instanceof HTMLSelectElement) fireEvent.change(control, { target: { value: 'medsam2-latest' } });
    expect(workbench.calls).toEqual([]);
  });

  it('has a button for each action that can be forbidden', async () => {
    const { get } = await draw({
      ...readyState,
      range: { first: 3, last: 5 },
      unavailable: { propagateStretch: { key: 'panel.why.saving' } },
    });
    expect(get('medsam2-propagate').getAttribute('aria-disabled')).toBe('true');
    expect([...buttons.map(([action]) => action), 'propagateStretch'].sort()).toEqual([...guardedActions].sort());
  });

  it('allows what there is no reason against', async () => {
    const { get, workbench } = await draw({ ...readyState, canUndo: true, unavailable: {} });
    for (const cy of ['medsam2-propagate', 'medsam2-undo', 'medsam2-save']) fireEvent.click(get(cy));
    expect(workbench.calls).toEqual([['propagate', 'active'], ['undo'], ['save', { reviewed: false }]]);
  });
});
