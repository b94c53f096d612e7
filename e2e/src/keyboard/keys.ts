/** What a person does who has no mouse: presses keys, and notices where the focus is. */
import type { ViewerPage } from '@medsam2/demo';
import { panelText, until } from '../failures/panel.js';

const mostTabs = 80;

/** data-cy of the element with the focus, in shadow trees, too; its tag where it has none. */
export function focusedPart(viewer: ViewerPage): Promise<string> {
  return viewer.page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element?.getAttribute('data-cy') ?? element?.tagName.toLowerCase() ?? 'nothing';
  });
}

/** Goes to a part of the panel with the Tab key. @throws Error with all that was passed on the way */
export async function tabTo(viewer: ViewerPage, cy: string, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  const passed: string[] = [];
  for (let presses = 0; presses < mostTabs; presses++) {
    const at = await focusedPart(viewer);
    if (at === cy) return;
    passed.push(at);
    await viewer.page.keyboard.press(key);
  }
  throw new Error(`${key} did not lead to ${cy}, but past ${passed.join(', ')}`);
}

/** Goes to the panel from anywhere with its hotkey. */
export async function toPanel(viewer: ViewerPage): Promise<void> {
  await viewer.page.keyboard.press('Shift+P');
  await until(viewer, 'the focus in the panel', () =>
    viewer.page.evaluate(() => document.activeElement?.tagName.toLowerCase() === 'medsam2-panel'),
  );
}

/** Goes to a part of the panel with its hotkey and Tab. */
export async function goTo(viewer: ViewerPage, cy: string): Promise<void> {
  await toPanel(viewer);
  await tabTo(viewer, cy);
}

/** What the layer for drawing says, read out. @throws Error with the text of the panel when there is none */
export async function spokenPlace(viewer: ViewerPage): Promise<string> {
  const layer = viewer.page.locator('[data-cy=medsam2-keyboard]');
  await until(viewer, 'the layer for drawing with keys', async () => (await layer.count()) === 1);
  const [shown, spoken] = ['place', 'status'].map((name) => layer.locator(`[data-cy=medsam2-keyboard-${name}]`));
  let text = '';
  await until(viewer, 'what is read out to be what is shown', async () => {
    text = (await spoken.textContent()) ?? '';
    return text !== '' && text === (await shown.textContent());
  });
  return text;
}

type Side = 'column' | 'row' | 'width' | 'height';

const steering: Readonly<Record<Side, readonly [held: string, more: string, less: string]>> = {
  column: ['', 'ArrowRight', 'ArrowLeft'],
  row: ['', 'ArrowDown', 'ArrowUp'],
  width: ['Shift+', 'ArrowRight', 'ArrowLeft'],
  height: ['Shift+', 'ArrowDown', 'ArrowUp'],
};

/** Brings the box of the layer within a pixel of a box in pixels of the image, going by what is read out alone. */
export const steerBox = (viewer: ViewerPage, [[x0, y0], [x1, y1]]: readonly (readonly number[])[]): Promise<void> =>
  steer(viewer, { column: x0 + 1, row: y0 + 1, width: x1 - x0, height: y1 - y0 });

/** Brings the point of the layer within a pixel of a point in pixels of the image. */
export const steerPoint = (viewer: ViewerPage, [x, y]: readonly [number, number]): Promise<void> =>
  steer(viewer, { column: x + 1, row: y + 1 });

async function steer(viewer: ViewerPage, wanted: Readonly<Partial<Record<Side, number>>>): Promise<void> {
  for (const [side, target] of Object.entries(wanted) as [Side, number][]) {
    const [held, more, less] = steering[side];
    for (let round = 0; ; round++) {
      const said = await spokenPlace(viewer);
      const off = target - numberIn(said, side);
      if (Math.abs(off) <= 1) break;
      if (round === 8) throw new Error(`keys do not bring ${side} to ${target}: ${said}`);
      const key = off > 0 ? more : less;
      const coarse = Math.floor(Math.abs(off) / 5);
      for (let press = 0; press < coarse; press++) await viewer.page.keyboard.press(held + key);
      if (coarse === 0) await viewer.page.keyboard.press(`Control+${held}${key}`);
    }
  }
}

function numberIn(text: string, side: Side): number {
  const match =
    /^(?:Box|Point) at column (?<column>\d+), row (?<row>\d+)(?:; (?<width>\d+) wide, (?<height>\d+) high)?$/.exec(
      text,
    );
  const value = match?.groups?.[side];
  if (value === undefined) throw new Error(`no ${side} is read out: ${text}`);
  return Number(value);
}

/** Presses keys of the focused slider until it is on a value from 1. */
export async function slideTo(viewer: ViewerPage, value: number): Promise<void> {
  const cy = await focusedPart(viewer);
  for (let presses = 0; presses < 100; presses++) {
    const now = Number(await viewer.part(cy).getAttribute('aria-valuenow'));
    if (now === value) return;
    const off = value - now;
    const key = Math.abs(off) >= 10 ? (off > 0 ? 'PageUp' : 'PageDown') : off > 0 ? 'ArrowRight' : 'ArrowLeft';
    await viewer.page.keyboard.press(key);
    await until(viewer, `${cy} to move from ${now}`, async () => {
      return Number(await viewer.part(cy).getAttribute('aria-valuenow')) !== now;
    });
  }
  throw new Error(`${cy} does not reach ${value}: ${await panelText(viewer)}`);
}
