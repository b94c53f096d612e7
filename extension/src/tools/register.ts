import { promptTools } from '../contract/viewer.js';
import type { CornerstoneCore } from '../host/types/cornerstone.js';
import type { ToolGroupService } from '../host/types/ohif.js';
import type { CornerstoneTools } from '../host/types/tools.js';
import { toolNames } from './names.js';
import { promptToolClass, type PromptSink } from './prompt-tool.js';

/** Makes the drawing tools known to the host, once per page: it keeps them when modes change. */
export function registerTools(
  core: CornerstoneCore,
  tools: CornerstoneTools,
  sink: () => PromptSink | undefined,
): void {
  for (const tool of promptTools) {
    if (tools.state.tools[toolNames[tool]] !== undefined) continue;
    tools.addTool(promptToolClass(tool, core, tools, sink));
  }
}

/** Adds them to the tool groups of 2D viewports; the host makes those anew whenever a mode is entered. */
export function addToToolGroups(groups: ToolGroupService): void {
  for (const id of groups.getToolGroupIds()) {
    if (id === volumeToolGroup) continue;
    const missing = promptTools
      .map((tool) => toolNames[tool])
      .filter((name) => groups.getToolGroup(id)?.hasTool(name) === false);
    if (missing.length > 0) {
      groups.addToolsToToolGroup(id, { passive: missing.map((toolName) => ({ toolName })) });
    }
  }
}

/** Viewports in space have no plane to draw on. */
const volumeToolGroup = 'volume3d';
