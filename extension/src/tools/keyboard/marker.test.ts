/** @jest-environment jsdom */
import { waitFor, within } from '@testing-library/dom';
import { openMarker, type Marker } from './marker.js';

describe('the layer for drawing with keys', () => {
  let marker: Marker | undefined;
  afterEach(() => {
    marker?.remove();
    document.body.replaceChildren();
  });

  function open(): HTMLElement {
    const viewport = document.createElement('div');
    document.body.append(viewport);
    marker = openMarker(viewport, 'rgb(255, 0, 0)', { name: 'Box', keys: 'Arrows move.' });
    return viewport;
  }

  it('has the focus, a name, and says which keys it takes', () => {
    const viewport = open();
    const layer = within(viewport).getByRole('application', { name: 'Box' });
    expect(document.activeElement).toBe(layer);
    const described = document.getElementById(layer.getAttribute('aria-describedby') ?? '');
    expect(described?.textContent).toBe('Arrows move.');
    expect(layer.style.pointerEvents).toBe('none');
  });

  it('shows the place at once, and reads out the last one when the keys rest', async () => {
    const viewport = open();
    const status = within(viewport).getByRole('status');
    const read: (string | null)[] = [];
    new MutationObserver(() => read.push(status.textContent)).observe(status, { childList: true });
    marker?.show({ left: 1, top: 2, width: 30, height: 40 }, 'first');
    marker?.show({ left: 5, top: 2, width: 30, height: 40 }, 'second');
    expect(viewport.querySelector('[data-cy=medsam2-keyboard-place]')?.textContent).toBe('second');
    expect(viewport.querySelector('path')?.getAttribute('d')).toBe('M5 2h30v40h-30Z');
    await waitFor(() => expect(read).toEqual(['second']));
  });

  it('draws a point as a cross that leaves its middle free, and goes without a trace', () => {
    const viewport = open();
    marker?.show({ left: 50, top: 60, width: 0, height: 0 }, 'there');
    expect(viewport.querySelector('path')?.getAttribute('d')).toBe('M38 60h9M53 60h9M50 48v9M50 63v9');
    marker?.remove();
    expect(viewport.childElementCount).toBe(0);
  });
});
