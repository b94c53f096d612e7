import { defineArea } from '../area.js';

export const panelTexts = defineArea({
  en: { 'panel.title': 'MedSAM2' },
  de: { 'panel.title': 'MedSAM2' },
  fr: { 'panel.title': 'MedSAM2' },
  es: { 'panel.title': 'MedSAM2' },
  zh: { 'panel.title': 'MedSAM2' },
});
