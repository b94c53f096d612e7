/** Commands of this plug-in: what hotkeys and toolbar buttons run. Each only asks the workbench. */
import type { Tool } from '../contract/viewer.js';
import type { GuardedAction } from '../contract/work.js';
import { panelTag } from '../identity.js';
import type { Open, Runtime } from '../runtime/runtime.js';
import { commandContext, hostContext, type CommandName } from './names.js';

type Command = (options?: { readonly tool?: Tool }) => unknown;

export interface CommandsModule {
  readonly definitions: Readonly<Record<CommandName, { readonly commandFn: Command }>>;
  readonly defaultContext: string;
}

/** @param panelId name of the panel in OHIF */
export function commandsModule(runtime: Runtime, panelId: string, page: Pick<Window, 'document'>): CommandsModule {
  /** Does nothing outside of a mode with this plug-in; says why when the action cannot be done now. */
  const when = (action: GuardedAction | undefined, work: (open: Open) => unknown): { readonly commandFn: Command } => ({
    commandFn: () => {
      const open = runtime.current();
      if (open === undefined) return undefined;
      const reason = action === undefined ? undefined : open.workbench.getState().unavailable[action];
      if (reason === undefined) return work(open);
      open.viewer.port.announce(reason, 'info');
      return undefined;
    },
  });
  const focus = ({ host }: Open, selector: string): void => {
    host.services.panelService.activatePanel(panelId, true);
    // The host draws the panel first when another one was open.
    setTimeout(
      () => page.document.querySelector(panelTag)?.shadowRoot?.querySelector<HTMLElement>(selector)?.focus(),
      50,
    );
  };

  /** The session's own where it is open, the host's elsewhere. */
  const instead = (name: 'undo' | 'redo'): { readonly commandFn: Command } => {
    const ours = when(name, ({ workbench }) => workbench.actions[name]());
    return {
      commandFn: () => (runtime.current() === undefined ? runtime.runHostCommand(name, hostContext) : ours.commandFn()),
    };
  };

  return {
    defaultContext: commandContext,
    definitions: {
      medsam2EnterMode: { commandFn: () => void runtime.enter() },
      medsam2LeaveMode: { commandFn: () => runtime.leave() },
      medsam2Tool: { commandFn: (options) => chooseTool(runtime, options?.tool) },
      medsam2Propagate: when('propagate', ({ workbench }) => workbench.actions.propagate()),
      medsam2Stop: when('stop', ({ workbench }) => workbench.actions.stop()),
      medsam2Undo: when('undo', ({ workbench }) => workbench.actions.undo()),
      medsam2Redo: when('redo', ({ workbench }) => workbench.actions.redo()),
      undo: instead('undo'),
      redo: instead('redo'),
      medsam2NextDoubtful: when('nextDoubtful', ({ workbench }) => workbench.actions.nextDoubtful(1)),
      medsam2PreviousDoubtful: when('nextDoubtful', ({ workbench }) => workbench.actions.nextDoubtful(-1)),
      medsam2FromCurrent: when(undefined, ({ workbench }) => workbench.actions.setRangeEnd('first')),
      medsam2ToCurrent: when(undefined, ({ workbench }) => workbench.actions.setRangeEnd('last')),
      medsam2AddSegment: when('addSegment', ({ workbench }) => workbench.actions.addSegment()),
      medsam2Save: when('save', (open) => focus(open, '[data-cy=medsam2-save-description]')),
      medsam2ShowPrompts: when(undefined, ({ workbench }) =>
        workbench.actions.showPrompts(!workbench.getState().promptsVisible),
      ),
      medsam2RemovePrompt: when(undefined, ({ viewer }) => viewer.removeSelectedPrompt()),
      medsam2KeyboardDraw: when('draw', ({ keyboard }) => keyboard.begin()),
      medsam2FocusPanel: when(undefined, (open) => focus(open, 'button:not([tabindex="-1"]), select, input')),
    },
  };
}

/** The tool that is active already is put away. */
function chooseTool(runtime: Runtime, tool: Tool | undefined): void {
  const open = runtime.current();
  if (open === undefined) return;
  const { workbench, viewer } = open;
  const wanted = viewer.port.tool() === tool ? undefined : tool;
  const action: GuardedAction = wanted === 'brush' || wanted === 'brushEraser' ? 'edit' : 'draw';
  const reason = wanted === undefined ? undefined : workbench.getState().unavailable[action];
  if (reason === undefined) workbench.actions.setTool(wanted);
  else viewer.port.announce(reason, 'info');
}
