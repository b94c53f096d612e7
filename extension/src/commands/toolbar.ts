/** Buttons in the viewer's toolbar: the drawing tools, with icons that OHIF has. */
import { promptTools, type PromptTool } from '../contract/viewer.js';
import type { ToolbarButton } from '../host/types/ohif.js';
import type { MessageKey } from '../i18n/catalogue.js';
import { toolNames } from '../tools/names.js';
import { commandContext } from './names.js';

const icons: Readonly<Record<PromptTool, string>> = {
  box: 'tool-rectangle',
  point: 'tool-probe',
  pointNegative: 'tool-eraser',
  scribble: 'icon-tool-freehand-roi',
  lasso: 'icon-tool-freehand-roi',
  eraser: 'icon-tool-eraser',
};

/** The tools that most drawings need; the panel has them all. */
const inToolbar: readonly PromptTool[] = promptTools.filter(
  (tool) => tool === 'box' || tool === 'point' || tool === 'scribble',
);

export const toolbarIds = inToolbar.map((tool) => toolNames[tool]);

/** A button named as its tool is shown as active by OHIF itself. */
export function toolbarButtons(text: (key: MessageKey) => string): readonly ToolbarButton[] {
  return inToolbar.map((tool) => ({
    id: toolNames[tool],
    uiType: 'ohif.toolButton',
    props: {
      icon: icons[tool],
      label: text(`viewer.tool.${tool}`),
      tooltip: text(`viewer.tool.${tool}`),
      commands: { commandName: 'medsam2Tool', commandOptions: { tool }, context: commandContext },
      evaluate: 'evaluate.cornerstoneTool',
    },
  }));
}
