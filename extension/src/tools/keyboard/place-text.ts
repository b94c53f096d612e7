import type { Drawing } from '@medsam2/protocol';
import type { Text } from '../../contract/text.js';

/** Where a box or a point lies, for people: rows and columns count from 1, as DICOM's do; in space, LPS mm. */
export function placeText(drawing: Drawing): Text {
  switch (drawing.kind) {
    case 'box': {
      const [x0, y0, x1, y1] = drawing.box.map(Math.round);
      return {
        key: 'keyboard.box',
        values: { column: x0 + 1, row: y0 + 1, width: x1 - x0, height: y1 - y0 },
      };
    }
    case 'points': {
      const [{ x, y }] = drawing.points;
      return { key: 'keyboard.point', values: { column: Math.round(x) + 1, row: Math.round(y) + 1 } };
    }
    case 'world-box': {
      const [a, b, c] = drawing.corners;
      return { key: 'keyboard.box.mm', values: { width: distance(a, b), height: distance(a, c) } };
    }
    case 'world-points': {
      const [x, y, z] = drawing.points[0].at.map(Math.round);
      return { key: 'keyboard.point.mm', values: { x, y, z } };
    }
    case 'scribble':
    case 'lasso':
    case 'mask':
    case 'recist':
    case 'world-scribble':
    case 'world-lasso':
      throw new Error(`Keys draw no ${drawing.kind}.`);
  }
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.round(Math.hypot(...a.map((value, axis) => value - b[axis])));
