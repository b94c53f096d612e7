/**
 * The mode: the segmentation mode of the viewer at hand with our panel, tools and keys. Derived at run time, so that
 * toolbar, tool groups, hanging protocols and viewports are always those of the installed version.
 */
import { withOurHotkeys } from './commands/hotkeys.js';
import { commandContext } from './commands/names.js';
import { toolbarButtons, toolbarIds } from './commands/toolbar.js';
import type { HostContext, HotkeyBinding } from './host/types/ohif.js';
import { hostLanguage } from './host/language.js';
import { keepPanel } from './host/own-panel.js';
import type { MessageKey } from './i18n/catalogue.js';
import { translator } from './i18n/translate.js';
import { modeId, panelId, panelTag, routeName } from './identity.js';

interface Layout {
  readonly props: { readonly rightPanels?: readonly string[] };
}
interface Route {
  readonly path: string;
  layoutTemplate(...args: unknown[]): Layout | Promise<Layout>;
}
interface ModeInstance {
  readonly id: string;
  readonly routeName: string;
  readonly displayName: string;
  readonly hide: boolean;
  readonly routes: readonly Route[];
  onModeEnter(context: HostContext): unknown;
  onModeExit?(context: HostContext): unknown;
}
interface StockMode {
  modeFactory(input: object): ModeInstance | Promise<ModeInstance>;
}
interface FactoryInput {
  readonly modeConfiguration?: object;
  readonly loadModules: (names: readonly string[]) => Promise<readonly (StockMode | undefined)[]>;
}

export interface OhifMode {
  readonly id: string;
  modeFactory(input: FactoryInput): Promise<ModeInstance>;
}

const stockName = '@ohif/mode-segmentation';

const mode: OhifMode = {
  id: modeId,
  async modeFactory({ modeConfiguration, loadModules }) {
    const [stock] = await loadModules([stockName]);
    if (stock === undefined) throw new Error(`This viewer has no mode ${stockName}, which MedSAM2 builds on.`);
    const base = await stock.modeFactory({ modeConfiguration: modeConfiguration ?? {}, loadModules });
    const [route] = base.routes;
    const ours = { ...base, id: modeId, routeName, displayName: 'MedSAM2' };
    // Its file may be broken or missing: addresses of this mode then show images, as the viewer does without us.
    if (globalThis.customElements.get(panelTag) === undefined) {
      // eslint-disable-next-line no-console -- whoever looks for the reason looks there first
      console.error('The MedSAM2 mode works without MedSAM2: the extension was not loaded.');
      return { ...ours, hide: true, routes: [{ ...route, path: routeName }] };
    }
    let leave: (() => void) | undefined;
    return {
      ...ours,
      hide: false,
      // `this` is the mode's instance: those of newer viewers read their toolbar and panels from it.
      onModeEnter(this: ModeInstance, context: HostContext) {
        const entered = base.onModeEnter.call(this, context);
        // At once: the viewer reads hotkeys when this returns.
        leave = enter(context);
        return entered;
      },
      onModeExit(this: ModeInstance, context: HostContext) {
        leave?.();
        leave = undefined;
        return base.onModeExit?.call(this, context);
      },
      routes: [
        {
          ...route,
          path: routeName,
          async layoutTemplate(this: Route, ...args: unknown[]) {
            const layout = await route.layoutTemplate.apply(this, args);
            return {
              ...layout,
              props: { ...layout.props, rightPanels: [panelId, ...(layout.props.rightPanels ?? [])] },
            };
          },
        },
      ],
    };
  },
};

/** @returns undoes what was done */
function enter({ servicesManager, commandsManager }: HostContext): () => void {
  const { toolbarService, customizationService, panelService } = servicesManager.services;
  const text = (key: MessageKey) => translator(hostLanguage(window))({ key });
  commandsManager.runCommand('medsam2EnterMode', {}, commandContext);

  toolbarService.register(toolbarButtons(text));
  toolbarService.updateSection(toolbarService.sections?.primary ?? 'primary', toolbarIds);

  // Read by the viewer right after this.
  const bindings = customizationService.getCustomization('ohif.hotkeyBindings');
  customizationService.setCustomizations({
    'ohif.hotkeyBindings': {
      $set: withOurHotkeys(Array.isArray(bindings) ? (bindings as HotkeyBinding[]) : [], text),
    },
    // The server measures the session's segments; the viewer would do it again over the whole volume at every change.
    'panelSegmentation.disableUpdateSegmentationStats': { $set: true },
  });

  const panel = keepPanel(panelService, panelId, () => document.querySelector(panelTag) !== null);
  return () => {
    panel.unsubscribe();
    commandsManager.runCommand('medsam2LeaveMode', {}, commandContext);
  };
}

export default mode;
