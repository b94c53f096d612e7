/** @jest-environment jsdom */
import { fireEvent } from '@testing-library/react';
import { drawPanel, type DrawnPanel } from '../testing/draw.js';
import { scenes } from '../testing/scenes.js';
import { emptyState, readyState, volume } from '../testing/state.js';

let panel: DrawnPanel | undefined;
afterEach(() => {
  panel?.unmount();
  panel = undefined;
});
const draw = async (...given: Parameters<typeof drawPanel>) => (panel = await drawPanel(...given));

describe('troubles', () => {
  it('says that the server is away, keeps the work on show and tries again', async () => {
    const { get, workbench, frame } = await draw(scenes.offline);
    expect(get('medsam2-server').dataset.phase).toBe('offline');
    expect(get('medsam2-server-trouble').textContent).toContain('does not answer');
    expect(get('medsam2-strip-summary').textContent).toContain('doubtful');
    fireEvent.click(get('medsam2-reconnect'));
    await frame();
    expect(workbench.calls).toEqual([['reconnect']]);
    expect(get('medsam2-server').dataset.phase).toBe('online');
  });

  it('reads errors out at once and other notices in a pause, retries and dismisses them', async () => {
    const { all, root, workbench, frame } = await draw(scenes.notices);
    expect(root.querySelectorAll('[role=alert] [data-severity=error]')).toHaveLength(1);
    expect(root.querySelectorAll('[role=status] [data-cy=medsam2-notice]')).toHaveLength(2);
    const [first] = all('medsam2-notice-dismiss');
    first.focus();
    fireEvent.click(first);
    await frame();
    expect(all('medsam2-notice')).toHaveLength(2);
    expect(root.activeElement).toBe(all('medsam2-notice-dismiss')[0]);
    expect(workbench.calls).toEqual([['dismiss', 'n1']]);
  });

  it('uses a rejected series only after an explicit yes', async () => {
    const { get, workbench } = await draw(scenes.findings);
    fireEvent.click(get('medsam2-overrule'));
    expect(workbench.calls).toEqual([]);
    fireEvent.click(get('medsam2-overrule-confirm'));
    expect(workbench.calls).toEqual([['overrule', 'spacing-uneven']]);
  });

  it('offers no way around what cannot be overruled', async () => {
    const findings = [{ code: 'mosaic', severity: 'reject' as const, message: 'A mosaic.' }];
    const { find, get } = await draw({
      ...readyState,
      volumes: [volume({ rejected: true, findings })],
    });
    expect(find('medsam2-overrule')).toBeUndefined();
    expect(get('medsam2-findings').textContent).toContain('cannot be segmented');
  });

  it('warns of demonstration models whichever language is spoken', async () => {
    const { get, change } = await draw(readyState, { language: () => 'fr-CA' });
    expect(get('medsam2-demonstration').textContent).toBe('Modèle de démonstration : pas pour les patients');
    await change({ modelName: 'medsam2-latest', session: undefined });
    expect(panel?.find('medsam2-demonstration')).toBeUndefined();
    expect(get('medsam2-licence').textContent).toContain('Research and education only');
  });

  it('says why there is nothing to work on', async () => {
    const { root, find } = await draw({ ...emptyState, noTarget: { key: 'panel.series.none' } });
    expect(root.textContent).toContain('Show a series of images');
    expect(find('medsam2-propagate')).toBeUndefined();
  });

  it('asks before work that was not saved is given up', async () => {
    const { get, workbench, root } = await draw(scenes.doubtful);
    fireEvent.click(get('medsam2-discard'));
    expect(root.textContent).toContain('Masks that were not saved will be lost.');
    expect(workbench.calls).toEqual([]);
    fireEvent.click(get('medsam2-discard-confirm'));
    expect(workbench.calls).toEqual([['discard']]);
  });
});
