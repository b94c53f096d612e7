import { defineArea } from '../area.js';

/** Drawing with the keyboard. */
export const keyboardTexts = defineArea({
  en: {
    'keyboard.draw': 'MedSAM2 – draw with the keyboard',
    'keyboard.keys.box':
      'Arrow keys move the box, Shift+arrow keys resize it, with Ctrl or Alt by one pixel. Page up/down: slice. Enter draws, Escape ends.',
    'keyboard.keys.point':
      'Arrow keys move the point, with Ctrl or Alt by one pixel. Page up/down: slice. Enter draws, Escape ends.',
    'keyboard.box': 'Box at column {column}, row {row}; {width} wide, {height} high',
    'keyboard.point': 'Point at column {column}, row {row}',
    'keyboard.box.mm': 'Box {width} mm wide, {height} mm high',
    'keyboard.point.mm': 'Point at {x}, {y}, {z} mm',
    'keyboard.no-plane': 'Choose a viewport that shows slices: there is no plane to draw on in this one.',
    'keyboard.other-tool': 'With the keyboard, boxes and points can be drawn. Choose one of those tools first.',
  },
  de: {
    'keyboard.draw': 'MedSAM2 – mit der Tastatur zeichnen',
    'keyboard.keys.box':
      'Pfeiltasten verschieben das Rechteck, Umschalt+Pfeiltasten ändern die Größe, mit Strg oder Alt um ein Pixel. Bild auf/ab: Schicht. Eingabe zeichnet, Esc beendet.',
    'keyboard.keys.point':
      'Pfeiltasten verschieben den Punkt, mit Strg oder Alt um ein Pixel. Bild auf/ab: Schicht. Eingabe zeichnet, Esc beendet.',
    'keyboard.box': 'Rechteck bei Spalte {column}, Zeile {row}; {width} breit, {height} hoch',
    'keyboard.point': 'Punkt bei Spalte {column}, Zeile {row}',
    'keyboard.box.mm': 'Rechteck {width} mm breit, {height} mm hoch',
    'keyboard.point.mm': 'Punkt bei {x}, {y}, {z} mm',
    'keyboard.no-plane': 'Wählen Sie ein Fenster, das Schichten zeigt: In diesem gibt es keine Ebene zum Zeichnen.',
    'keyboard.other-tool':
      'Mit der Tastatur lassen sich Rechtecke und Punkte zeichnen. Wählen Sie zuerst eines dieser Werkzeuge.',
  },
  fr: {
    'keyboard.draw': 'MedSAM2 – dessiner au clavier',
    'keyboard.keys.box':
      'Les flèches déplacent le rectangle, Maj+flèches le redimensionnent, avec Ctrl ou Alt d’un pixel. Page haut/bas : coupe. Entrée dessine, Échap termine.',
    'keyboard.keys.point':
      'Les flèches déplacent le point, avec Ctrl ou Alt d’un pixel. Page haut/bas : coupe. Entrée dessine, Échap termine.',
    'keyboard.box': 'Rectangle à la colonne {column}, ligne {row} ; largeur {width}, hauteur {height}',
    'keyboard.point': 'Point à la colonne {column}, ligne {row}',
    'keyboard.box.mm': 'Rectangle de {width} mm de large, {height} mm de haut',
    'keyboard.point.mm': 'Point à {x}, {y}, {z} mm',
    'keyboard.no-plane': 'Choisissez une fenêtre qui montre des coupes : celle-ci n’a pas de plan où dessiner.',
    'keyboard.other-tool':
      'Au clavier, on peut dessiner des rectangles et des points. Choisissez d’abord l’un de ces outils.',
  },
  es: {
    'keyboard.draw': 'MedSAM2 – dibujar con el teclado',
    'keyboard.keys.box':
      'Las flechas mueven el rectángulo, Mayús+flechas cambian su tamaño, con Ctrl o Alt de un píxel. Re Pág/Av Pág: corte. Intro dibuja, Escape termina.',
    'keyboard.keys.point':
      'Las flechas mueven el punto, con Ctrl o Alt de un píxel. Re Pág/Av Pág: corte. Intro dibuja, Escape termina.',
    'keyboard.box': 'Rectángulo en la columna {column}, fila {row}; ancho {width}, alto {height}',
    'keyboard.point': 'Punto en la columna {column}, fila {row}',
    'keyboard.box.mm': 'Rectángulo de {width} mm de ancho y {height} mm de alto',
    'keyboard.point.mm': 'Punto en {x}, {y}, {z} mm',
    'keyboard.no-plane': 'Elija una ventana que muestre cortes: en esta no hay un plano donde dibujar.',
    'keyboard.other-tool':
      'Con el teclado se pueden dibujar rectángulos y puntos. Elija antes una de esas herramientas.',
  },
  zh: {
    'keyboard.draw': 'MedSAM2 – 用键盘绘制',
    'keyboard.keys.box':
      '方向键移动方框，Shift+方向键改变大小，加 Ctrl 或 Alt 每次一个像素。Page Up/Down：切片。Enter 绘制，Esc 结束。',
    'keyboard.keys.point': '方向键移动点，加 Ctrl 或 Alt 每次一个像素。Page Up/Down：切片。Enter 绘制，Esc 结束。',
    'keyboard.box': '方框位于第 {column} 列、第 {row} 行；宽 {width}，高 {height}',
    'keyboard.point': '点位于第 {column} 列、第 {row} 行',
    'keyboard.box.mm': '方框宽 {width} 毫米，高 {height} 毫米',
    'keyboard.point.mm': '点位于 {x}, {y}, {z} 毫米',
    'keyboard.no-plane': '请选择显示切片的视口：此视口中没有可绘制的平面。',
    'keyboard.other-tool': '用键盘可以绘制方框和点。请先选择其中一种工具。',
  },
});
