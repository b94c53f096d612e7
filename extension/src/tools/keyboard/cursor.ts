/** A box or a point that keys move over a viewport. All lengths are CSS pixels of the viewport's canvas. */

export interface Cursor {
  readonly left: number;
  readonly top: number;
  /** 0 by 0: a point */
  readonly width: number;
  readonly height: number;
}

export interface Extent {
  readonly width: number;
  readonly height: number;
}

export type Pressed = Pick<KeyboardEvent, 'key' | 'shiftKey' | 'ctrlKey' | 'altKey'>;

/** Pixels of the image that a key moves by; one with Ctrl or Alt. */
const coarse = 5;
/** of the viewport's shorter side */
const firstShare = 0.2;

const directions: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** In the middle of the viewport. */
export function firstCursor(isBox: boolean, { width, height }: Extent): Cursor {
  const side = isBox ? firstShare * Math.min(width, height) : 0;
  return { left: (width - side) / 2, top: (height - side) / 2, width: side, height: side };
}

/**
 * Where a key brings the cursor: arrows move it, with Shift they make a box wider, narrower, taller or shorter at its
 * right and lower edge. It never leaves the viewport.
 *
 * @param pixel size of a pixel of the image
 * @returns undefined for keys that do not steer
 */
export function steered(
  cursor: Cursor,
  { key, shiftKey, ctrlKey, altKey }: Pressed,
  pixel: number,
  extent: Extent,
): Cursor | undefined {
  const direction = directions[key];
  if (direction === undefined) return undefined;
  const step = (ctrlKey || altKey ? 1 : coarse) * pixel;
  const [dx, dy] = [direction[0] * step, direction[1] * step];
  const isPoint = cursor.width === 0 && cursor.height === 0;
  if (!shiftKey || isPoint) {
    return {
      ...cursor,
      left: within(cursor.left + dx, 0, extent.width - cursor.width),
      top: within(cursor.top + dy, 0, extent.height - cursor.height),
    };
  }
  return {
    ...cursor,
    width: within(cursor.width + dx, leastSide, extent.width - cursor.left),
    height: within(cursor.height + dy, leastSide, extent.height - cursor.top),
  };
}

/** The mouse's boxes may not be smaller either. */
const leastSide = 4;

const within = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value));
