/** Which tool the primary mouse button has, in all viewports with slices. */
import type { Text } from '../contract/text.js';
import { promptTools, type Tool } from '../contract/viewer.js';
import { toolNames, toolOfName } from '../tools/names.js';
import type { Host } from './libraries.js';

/** What the button does when none of our tools is chosen; OHIF's own default. */
const restingTool = 'WindowLevel';

export class ToolChoice {
  constructor(private readonly host: Host) {}

  current(): Tool | undefined {
    const { toolGroupService, viewportGridService } = this.host.services;
    const viewportId = viewportGridService.getActiveViewportId();
    const group =
      (viewportId === null || viewportId === undefined
        ? undefined
        : toolGroupService.getToolGroupForViewport(viewportId)) ?? this.groups()[0]?.group;
    return toolOfName(group?.getActivePrimaryMouseButtonTool());
  }

  /** @returns why it cannot be chosen; undefined: it is */
  choose(tool: Tool | undefined): Text | undefined {
    const name = tool === undefined ? restingTool : toolNames[tool];
    const groups = this.groups().filter(({ group }) => group.hasTool(name));
    if (groups.length === 0) return { key: 'viewer.no-brush' };
    // The host's own command: it also draws the toolbar anew, and ends tools that must not stay passive.
    this.host.commands.runCommand('setToolActiveToolbar', { toolName: name, toolGroupIds: groups.map(({ id }) => id) });
    return undefined;
  }

  private groups() {
    const { toolGroupService } = this.host.services;
    return toolGroupService
      .getToolGroupIds()
      .map((id) => ({ id, group: toolGroupService.getToolGroup(id) }))
      .filter((entry): entry is { id: string; group: NonNullable<typeof entry.group> } => entry.group !== undefined)
      .filter(({ group }) => promptTools.some((tool) => group.hasTool(toolNames[tool])));
  }
}
