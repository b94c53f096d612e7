/**
 * What lives while a mode is open: the viewer as a port, and the workbench on it. Made anew whenever a mode is entered,
 * shared by panel, commands and toolbar, which come and go.
 */
import type { Workbench } from '../contract/work.js';
import { createWorkbench } from '../controller/index.js';
import { Emitter } from '../host/emitter.js';
import { hostOf, type Host } from '../host/libraries.js';
import type { HostContext } from '../host/types/ohif.js';
import { openOhifViewer, type OhifViewer } from '../host/viewer-port.js';
import { hostLanguage } from '../host/language.js';
import { translator } from '../i18n/translate.js';
import { KeyboardDrawing } from '../tools/keyboard/keyboard-drawing.js';
import { addToToolGroups, registerTools } from '../tools/register.js';
import { settingsOf } from './settings.js';

export interface Open {
  readonly host: Host;
  readonly viewer: OhifViewer;
  readonly workbench: Workbench;
  readonly keyboard: KeyboardDrawing;
}

export class Runtime {
  readonly onChange = new Emitter();
  private opened: Open | undefined;
  private context: HostContext | undefined;

  constructor(private readonly page: Window & { readonly config?: unknown }) {}

  /** The extension was registered with the viewer. */
  register(context: HostContext): void {
    this.context = context;
  }

  /** A mode was entered whose viewports and tool groups exist now. Entering twice changes nothing. */
  enter(): Open {
    const { context, page } = this;
    if (this.opened !== undefined) return this.opened;
    if (context === undefined) throw new Error('The MedSAM2 extension is not registered with the viewer.');
    const host = hostOf(context);
    registerTools(host.core, host.tools, () => this.opened?.viewer.sink);
    addToToolGroups(host.services.toolGroupService);
    const viewer = openOhifViewer(host, page);
    const { config } = page;
    const site = typeof config === 'object' && config !== null && 'medsam2' in config ? config.medsam2 : undefined;
    const workbench = createWorkbench({
      viewer: viewer.port,
      ...settingsOf(site, context.configuration),
      storage: page.localStorage,
      tabStorage: page.sessionStorage,
    });
    const keyboard = new KeyboardDrawing({
      host,
      port: viewer.port,
      sink: viewer.sink,
      text: () => translator(hostLanguage(page)),
      page: page.document,
    });
    this.opened = { host, viewer, workbench, keyboard };
    this.onChange.emit();
    return this.opened;
  }

  /** The mode is left. */
  leave(): void {
    const { opened } = this;
    if (opened === undefined) return;
    this.opened = undefined;
    opened.keyboard.close();
    opened.workbench.close();
    opened.viewer.close();
    this.onChange.emit();
  }

  /** A command of the viewer itself, of that name in that context. */
  runHostCommand(name: string, context: string): unknown {
    return this.context?.commandsManager.runCommand(name, {}, context);
  }

  current(): Open | undefined {
    return this.opened;
  }
}
