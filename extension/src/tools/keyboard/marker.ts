/** What is seen and read out while somebody draws with the keyboard: a layer over a viewport that has the focus. */
import type { Cursor } from './cursor.js';

export interface MarkerTexts {
  /** name of the layer, for screen readers */
  readonly name: string;
  /** which keys do what */
  readonly keys: string;
}

export interface Marker {
  readonly element: HTMLElement;
  /** @param place in words; read out when the keys rest */
  show(cursor: Cursor, place: string): void;
  remove(): void;
}

const svgSpace = 'http://www.w3.org/2000/svg';
/** Milliseconds after the last key until the place is read out. */
const restMs = 300;
const arm = 12;

/** Puts the layer over a viewport and gives it the focus. The mouse goes through it. */
export function openMarker(viewport: HTMLElement, colour: string, texts: MarkerTexts): Marker {
  const page = viewport.ownerDocument;
  const make = (parent: Element, style: Partial<CSSStyleDeclaration>, attributes: Readonly<Record<string, string>>) => {
    const element = page.createElement('div');
    Object.assign(element.style, style);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    parent.append(element);
    return element;
  };
  const keysId = 'medsam2-keyboard-keys';
  const layer = make(
    viewport,
    { position: 'absolute', inset: '0', zIndex: '20', pointerEvents: 'none', outline: `2px solid ${colour}` },
    {
      role: 'application',
      tabindex: '-1',
      'aria-label': texts.name,
      'aria-describedby': keysId,
      'data-cy': 'medsam2-keyboard',
    },
  );
  layer.style.outlineOffset = '-2px';

  const picture = page.createElementNS(svgSpace, 'svg');
  picture.setAttribute('aria-hidden', 'true');
  Object.assign(picture.style, { position: 'absolute', inset: '0', width: '100%', height: '100%' });
  layer.append(picture);
  const path = (stroke: string, width: number, dash: string): SVGPathElement => {
    const element = page.createElementNS(svgSpace, 'path');
    for (const [name, value] of Object.entries({ stroke, 'stroke-width': String(width), fill: 'none' }))
      element.setAttribute(name, value);
    element.setAttribute('stroke-dasharray', dash);
    picture.append(element);
    return element;
  };
  // over a dark rim, to be seen on bright and dark images
  const paths = [path('rgb(0, 0, 0)', 5, 'none'), path(colour, 2, '6 4')];

  const bar = make(
    layer,
    {
      position: 'absolute',
      left: '8px',
      right: '8px',
      bottom: '8px',
      padding: '6px 8px',
      borderRadius: '4px',
      background: 'rgb(0, 0, 0)',
      border: '1px solid rgb(120, 120, 120)',
      color: 'rgb(255, 255, 255)',
      font: '13px/1.4 system-ui, sans-serif',
      textAlign: 'center',
    },
    {},
  );
  const words = make(bar, { fontWeight: '600' }, { 'aria-hidden': 'true', 'data-cy': 'medsam2-keyboard-place' });
  make(bar, {}, { id: keysId }).textContent = texts.keys;
  const hidden = { position: 'absolute', width: '1px', height: '1px', overflow: 'hidden', clipPath: 'inset(50%)' };
  const spoken = make(layer, hidden, { role: 'status', 'aria-live': 'polite', 'data-cy': 'medsam2-keyboard-status' });

  let timer: ReturnType<typeof setTimeout> | undefined;
  layer.focus({ preventScroll: true });
  return {
    element: layer,
    show(cursor, place) {
      for (const element of paths) element.setAttribute('d', shapeOf(cursor));
      words.textContent = place;
      clearTimeout(timer);
      timer = setTimeout(() => (spoken.textContent = place), restMs);
    },
    remove() {
      clearTimeout(timer);
      layer.remove();
    },
  };
}

function shapeOf({ left, top, width, height }: Cursor): string {
  if (width > 0 || height > 0) return `M${left} ${top}h${width}v${height}h${-width}Z`;
  const gap = 3;
  const length = arm - gap;
  return [
    `M${left - arm} ${top}h${length}`,
    `M${left + gap} ${top}h${length}`,
    `M${left} ${top - arm}v${length}`,
    `M${left} ${top + gap}v${length}`,
  ].join('');
}
