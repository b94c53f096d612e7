import { firstCursor, steered, type Cursor, type Pressed } from './cursor.js';

const extent = { width: 400, height: 300 };
const pixel = 2;
const press = (key: string, held: Partial<Pressed> = {}): Pressed => ({
  key,
  shiftKey: false,
  ctrlKey: false,
  altKey: false,
  ...held,
});
const after = (cursor: Cursor, ...keys: readonly Pressed[]): Cursor =>
  keys.reduce((at, key) => steered(at, key, pixel, extent) ?? at, cursor);

describe('a cursor that keys move', () => {
  const box = firstCursor(true, extent);
  const point = firstCursor(false, extent);

  it('begins in the middle of the viewport', () => {
    expect(box).toEqual({ left: 170, top: 120, width: 60, height: 60 });
    expect(point).toEqual({ left: 200, top: 150, width: 0, height: 0 });
  });

  it('moves by five pixels of the image, and by one with Ctrl or Alt', () => {
    expect(after(box, press('ArrowRight'), press('ArrowUp'))).toEqual({ ...box, left: 180, top: 110 });
    expect(after(point, press('ArrowLeft', { ctrlKey: true }), press('ArrowDown', { altKey: true }))).toEqual({
      ...point,
      left: 198,
      top: 152,
    });
  });

  it('resizes a box at its right and lower edge with Shift, and moves a point all the same', () => {
    const shiftKey = true;
    expect(after(box, press('ArrowRight', { shiftKey }), press('ArrowUp', { shiftKey, ctrlKey: true }))).toEqual({
      ...box,
      width: 70,
      height: 58,
    });
    expect(after(point, press('ArrowRight', { shiftKey }))).toEqual({ ...point, left: 210 });
  });

  it('stays within the viewport, and a box stays a box', () => {
    const many = (key: Pressed) => Array.from({ length: 100 }, () => key);
    expect(after(box, ...many(press('ArrowRight')), ...many(press('ArrowDown')))).toMatchObject({
      left: 340,
      top: 240,
    });
    expect(after(box, ...many(press('ArrowLeft')), ...many(press('ArrowUp')))).toMatchObject({ left: 0, top: 0 });
    expect(after(box, ...many(press('ArrowRight', { shiftKey: true })))).toMatchObject({ left: 170, width: 230 });
    const least = after(box, ...many(press('ArrowLeft', { shiftKey: true })));
    expect(least.width).toBeGreaterThan(0);
    expect(after(least, press('ArrowRight', { shiftKey: true })).width).toBeGreaterThan(least.width);
  });

  it('leaves other keys alone', () => {
    expect(steered(box, press('x'), pixel, extent)).toBeUndefined();
    expect(steered(box, press('Enter'), pixel, extent)).toBeUndefined();
  });
});
