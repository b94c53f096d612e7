/** The extension as OHIF sees it, and the composition root of the plug-in. */
import { commandsModule, type CommandsModule } from './commands/commands.js';
import { panelHotkeys } from './commands/hotkeys.js';
import type { HostContext } from './host/types/ohif.js';
import { extensionId, panelId, panelName } from './identity.js';
import { definePanelElement, HostPanel } from './runtime/panel-element.js';
import { Runtime } from './runtime/runtime.js';

export interface OhifExtension {
  readonly id: string;
  preRegistration(context: HostContext): void;
  onModeExit(): void;
  getPanelModule(): readonly object[];
  getCommandsModule(): CommandsModule;
}

let runtime: Runtime | undefined;
const theRuntime = (): Runtime => (runtime ??= new Runtime(window));

const extension: OhifExtension = {
  id: extensionId,
  preRegistration(context) {
    theRuntime().register(context);
    definePanelElement(window, theRuntime(), panelHotkeys);
  },
  // Whichever mode it was.
  onModeExit: () => theRuntime().leave(),
  getPanelModule: () => [
    {
      name: panelName,
      iconName: 'tab-segmentation',
      iconLabel: 'MedSAM2',
      label: 'MedSAM2',
      component: HostPanel,
    },
  ],
  getCommandsModule: () => commandsModule(theRuntime(), panelId, window),
};

export default extension;
