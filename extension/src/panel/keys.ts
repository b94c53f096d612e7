/**
 * Keys that a control of the panel uses itself must not reach the host's hotkeys: they would move the image while
 * somebody types a name. All other keys pass, so that hotkeys work while a button has the focus.
 */
export function keepUsedKeys(panel: HTMLElement): void {
  const stop = (event: KeyboardEvent) => {
    const [target] = event.composedPath();
    if (event.defaultPrevented || (target instanceof Element && usesKey(target, event))) event.stopPropagation();
  };
  panel.addEventListener('keydown', stop);
  panel.addEventListener('keypress', stop);
  panel.addEventListener('keyup', stop);
}

const activating = new Set(['Enter', ' ']);
const moving = new Set([
  'ArrowUp',
  'ArrowDown',
  'ArrowLeft',
  'ArrowRight',
  'Home',
  'End',
  'PageUp',
  'PageDown',
  'Enter',
  ' ',
]);

function usesKey(target: Element, event: KeyboardEvent): boolean {
  if (target.matches('textarea, select, [contenteditable=true]')) return event.key !== 'Tab';
  if (target instanceof HTMLInputElement) {
    if (target.type === 'radio' || target.type === 'checkbox') return moving.has(event.key);
    return event.key !== 'Tab';
  }
  if (target.matches('[role=slider], [role=toolbar] *')) return moving.has(event.key);
  return target.matches('button, summary, a[href]') && activating.has(event.key);
}
