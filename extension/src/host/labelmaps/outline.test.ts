import type { CornerstoneTools, LabelmapStyle } from '../types/tools.js';
import { drawThinOutlines } from './outline.js';

/** The part of the host that keeps styles. */
function host(initial: LabelmapStyle) {
  let style = initial;
  const config = {
    style: {
      getStyle: () => style,
      setStyle: (_specifier: object, change: LabelmapStyle) => void (style = { ...style, ...change }),
    },
  };
  return { tools: { segmentation: { config } } as unknown as CornerstoneTools, config, style: () => style };
}

describe('outlines', () => {
  it('are thin while the mode is open, and afterwards as before', () => {
    const { tools, style } = host({ outlineWidth: 3, outlineWidthInactive: 2 });
    const restore = drawThinOutlines(tools);
    expect(style()).toEqual({ outlineWidth: 1, outlineWidthInactive: 1 });
    restore();
    expect(style()).toEqual({ outlineWidth: 3, outlineWidthInactive: 2 });
  });

  it('stay as the user chose them meanwhile', () => {
    const { tools, config, style } = host({ outlineWidth: 3, outlineWidthInactive: 2 });
    const restore = drawThinOutlines(tools);
    config.style.setStyle({}, { outlineWidth: 5 });
    restore();
    expect(style().outlineWidth).toBe(5);
  });

  it('that are thin already are left alone', () => {
    const { tools, style } = host({ outlineWidth: 0.5, outlineWidthInactive: 2 });
    drawThinOutlines(tools)();
    expect(style()).toEqual({ outlineWidth: 0.5, outlineWidthInactive: 2 });
  });
});
