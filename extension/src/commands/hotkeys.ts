/** Keys of this plug-in, as OHIF's dialog of hotkeys lists them. None is one of OHIF's own, but those that are replaced. */
import type { Tool } from '../contract/viewer.js';
import type { HotkeyBinding } from '../host/types/ohif.js';
import type { MessageKey } from '../i18n/catalogue.js';
import type { Hotkeys } from '../panel/index.js';
import { commandContext, type CommandName } from './names.js';

interface Key {
  readonly command: CommandName;
  readonly tool?: Tool;
  readonly label: MessageKey;
  /** as Mousetrap names keys */
  readonly key: string;
  /** name of the same thing in the panel, which shows the key */
  readonly panel?: keyof Hotkeys;
}

const toolKeys: Readonly<Record<Tool, string>> = {
  box: 'x',
  point: 'p',
  pointNegative: 'o',
  scribble: 's',
  lasso: 'q',
  eraser: 'd',
  brush: 'b',
  brushEraser: 'e',
};

export const keys: readonly Key[] = [
  ...(Object.keys(toolKeys) as Tool[]).map((tool): Key => ({
    command: 'medsam2Tool',
    tool,
    label: `viewer.tool.${tool}`,
    key: toolKeys[tool],
    panel: tool,
  })),
  { command: 'medsam2Propagate', label: 'viewer.key.propagate', key: 'g', panel: 'propagate' },
  { command: 'medsam2Stop', label: 'viewer.key.stop', key: 'shift+g', panel: 'stop' },
  { command: 'medsam2Undo', label: 'viewer.key.undo', key: 'ctrl+z', panel: 'undo' },
  { command: 'medsam2Redo', label: 'viewer.key.redo', key: 'ctrl+y', panel: 'redo' },
  { command: 'medsam2NextDoubtful', label: 'viewer.key.nextDoubtful', key: 'j', panel: 'nextDoubtful' },
  { command: 'medsam2PreviousDoubtful', label: 'viewer.key.previousDoubtful', key: 'shift+j' },
  { command: 'medsam2FromCurrent', label: 'viewer.key.fromCurrent', key: 'f', panel: 'fromCurrent' },
  { command: 'medsam2ToCurrent', label: 'viewer.key.toCurrent', key: 't', panel: 'toCurrent' },
  { command: 'medsam2AddSegment', label: 'viewer.key.addSegment', key: 'a', panel: 'addSegment' },
  { command: 'medsam2Save', label: 'viewer.key.save', key: 'shift+s', panel: 'save' },
  { command: 'medsam2ShowPrompts', label: 'viewer.key.showPrompts', key: 'u' },
  { command: 'medsam2RemovePrompt', label: 'viewer.key.removePrompt', key: 'del' },
  { command: 'medsam2FocusPanel', label: 'viewer.key.panel', key: 'shift+p' },
  { command: 'medsam2KeyboardDraw', label: 'keyboard.draw', key: 'k', panel: 'keyboard' },
];

/** Bindings of the host that would do another thing than the user of this mode means. */
const replaced = new Set(['undo', 'redo', 'addNewSegment']);
const replacedTools = new Set(['CircularBrush', 'CircularEraser']);

/** The host's bindings with ours: undo, redo, new segment and the brushes work on the session's segments here. */
export function withOurHotkeys(
  bindings: readonly HotkeyBinding[],
  text: (key: MessageKey) => string,
): readonly HotkeyBinding[] {
  const others = bindings.filter(({ commandName, commandOptions, context }) => {
    const tool = (commandOptions as { readonly toolName?: unknown } | undefined)?.toolName;
    return context !== commandContext && !replaced.has(commandName) && !replacedTools.has(String(tool));
  });
  const ours = keys.map(({ command, tool, label, key }): HotkeyBinding => ({
    commandName: command,
    ...(tool === undefined ? {} : { commandOptions: { tool } }),
    context: commandContext,
    label: text(label),
    keys: [key],
    isEditable: true,
  }));
  return [...others, ...ours];
}

/** Keys as the panel shows them. */
export const panelHotkeys: Hotkeys = Object.fromEntries(
  keys.flatMap(({ panel, key }) => (panel === undefined ? [] : [[panel, shown(key)] as const])),
);

function shown(key: string): string {
  return key
    .split('+')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('+');
}
