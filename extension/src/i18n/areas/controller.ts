import { defineArea } from '../area.js';

export const controllerTexts = defineArea({
  en: { 'why.no-prompt': 'Draw a prompt first.' },
  de: { 'why.no-prompt': 'Zeichnen Sie zuerst einen Prompt.' },
  fr: { 'why.no-prompt': 'Dessinez d’abord une indication.' },
  es: { 'why.no-prompt': 'Dibuje primero una indicación.' },
  zh: { 'why.no-prompt': '请先绘制提示。' },
});
