import { defineArea } from '../area.js';
import { de } from './controller/de.js';
import { en } from './controller/en.js';
import { es } from './controller/es.js';
import { fr } from './controller/fr.js';
import { zh } from './controller/zh.js';

/** Why something cannot be done, what happened, and the problems that the server describes most often. */
export const controllerTexts = defineArea({ en, de, fr, es, zh });
