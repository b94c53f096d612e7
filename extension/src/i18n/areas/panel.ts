import { defineArea } from '../area.js';
import { de } from './panel/de.js';
import { en } from './panel/en.js';
import { es } from './panel/es.js';
import { fr } from './panel/fr.js';
import { zh } from './panel/zh.js';

export const panelTexts = defineArea<keyof typeof en>({ en, de, fr, es, zh });
