import { controlStyles } from './controls.js';
import { layoutStyles } from './layout.js';
import { sectionStyles } from './sections.js';
import { stripStyles } from './strip.js';
import { themeStyles } from './theme.js';

/** All styles of the panel, for a shadow tree: the host's do not reach in, and these do not reach out. */
export const panelStyles = [themeStyles, layoutStyles, controlStyles, sectionStyles, stripStyles].join('\n');
