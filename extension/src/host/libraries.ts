import type { CornerstoneCore } from './types/cornerstone.js';
import type { ExtensionManager, HostContext, HostServices, CommandsManager } from './types/ohif.js';
import type { CornerstoneTools } from './types/tools.js';

/** The running viewer: its services, and its own copies of Cornerstone. A second copy of either would share nothing with it. */
export interface Host {
  readonly services: HostServices;
  readonly commands: CommandsManager;
  readonly extensions: ExtensionManager;
  readonly core: CornerstoneCore;
  readonly tools: CornerstoneTools;
}

/** @throws Error when the viewer's Cornerstone extension is missing or older than OHIF 3.11 */
export function hostOf({ servicesManager, commandsManager, extensionManager }: HostContext): Host {
  const entry = extensionManager.getModuleEntry('@ohif/extension-cornerstone.utilityModule.common');
  const libraries = entry?.exports?.getCornerstoneLibraries?.();
  if (libraries === undefined) {
    throw new Error('MedSAM2 needs the extension @ohif/extension-cornerstone of OHIF 3.11 or newer.');
  }
  return {
    services: servicesManager.services,
    commands: commandsManager,
    extensions: extensionManager,
    core: libraries.cornerstone,
    tools: libraries.cornerstoneTools,
  };
}
