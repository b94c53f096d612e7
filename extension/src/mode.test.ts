/** @jest-environment jsdom */
import { jest } from '@jest/globals';
import { panelId, panelTag } from './identity.js';
import mode from './mode.js';

const layout = { id: 'layout', props: { rightPanels: ['panel of the viewer'] } };
const stock = {
  modeFactory: () => ({
    id: 'stock',
    routeName: 'segmentation',
    displayName: 'Segmentation',
    hide: false,
    onModeEnter: () => undefined,
    routes: [{ path: 'segmentation', layoutTemplate: () => layout }],
  }),
};
const make = () => mode.modeFactory({ loadModules: () => Promise.resolve([stock]) });

describe('the mode', () => {
  // One after the other: a page keeps an element that it knows.
  it('is the viewer’s own mode at our address where the extension was not loaded, and says so', async () => {
    const said = jest.spyOn(console, 'error').mockReturnValue();
    const made = await make();
    expect(made).toMatchObject({ routeName: 'medsam2', hide: true });
    expect(made.routes[0].path).toBe('medsam2');
    expect(await made.routes[0].layoutTemplate()).toEqual(layout);
    expect(said).toHaveBeenCalledWith(expect.stringContaining('the extension was not loaded'));
    said.mockRestore();
  });

  it('has our panel before those of the viewer where it was', async () => {
    customElements.define(panelTag, class extends HTMLElement {});
    const made = await make();
    expect(made).toMatchObject({ routeName: 'medsam2', hide: false });
    const { props } = await made.routes[0].layoutTemplate();
    expect(props.rightPanels).toEqual([panelId, 'panel of the viewer']);
  });

  it('says what is missing in a viewer without the mode that it builds on', async () => {
    const factory = mode.modeFactory({ loadModules: () => Promise.resolve([undefined]) });
    await expect(factory).rejects.toThrow('@ohif/mode-segmentation');
  });
});
