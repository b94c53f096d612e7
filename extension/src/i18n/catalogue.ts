/** All texts of the plug-in; each part keeps its own in `areas`. */
import { languageOf, type Language } from './area.js';
import { controllerTexts } from './areas/controller.js';
import { keyboardTexts } from './areas/keyboard.js';
import { panelTexts } from './areas/panel.js';
import { viewerTexts } from './areas/viewer.js';

export type MessageKey =
  | keyof (typeof panelTexts)['en']
  | keyof (typeof controllerTexts)['en']
  | keyof (typeof viewerTexts)['en']
  | keyof (typeof keyboardTexts)['en'];

export type Catalogue = Readonly<Record<MessageKey, string>>;

/** The catalogue of a language, e.g. `de` for `de-CH`; English where there is none. */
export function catalogueOf(language: string): Catalogue {
  return catalogues[languageOf(language)];
}

const catalogues: Readonly<Record<Language, Catalogue>> = {
  en: { ...panelTexts.en, ...controllerTexts.en, ...viewerTexts.en, ...keyboardTexts.en },
  de: { ...panelTexts.de, ...controllerTexts.de, ...viewerTexts.de, ...keyboardTexts.de },
  fr: { ...panelTexts.fr, ...controllerTexts.fr, ...viewerTexts.fr, ...keyboardTexts.fr },
  es: { ...panelTexts.es, ...controllerTexts.es, ...viewerTexts.es, ...keyboardTexts.es },
  zh: { ...panelTexts.zh, ...controllerTexts.zh, ...viewerTexts.zh, ...keyboardTexts.zh },
};
