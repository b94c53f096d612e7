import { defineArea } from '../area.js';

export const viewerTexts = defineArea({
  en: { 'viewer.no-series': 'Show a series of images in the active viewport.' },
  de: { 'viewer.no-series': 'Zeigen Sie im aktiven Fenster eine Bildserie.' },
  fr: { 'viewer.no-series': 'Affichez une série d’images dans la fenêtre active.' },
  es: { 'viewer.no-series': 'Muestre una serie de imágenes en la ventana activa.' },
  zh: { 'viewer.no-series': '请在当前视口中显示一个图像序列。' },
});
