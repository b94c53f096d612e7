import { translator } from '../../i18n/translate.js';
import { placeText } from './place-text.js';

const say = translator('en');
const place = { sopInstanceUid: '1.2' };

describe('the place of a drawing in words', () => {
  it('counts columns and rows from 1', () => {
    expect(say(placeText({ kind: 'box', place, box: [9.6, 19.7, 40.2, 60.1] }))).toBe(
      'Box at column 11, row 21; 30 wide, 40 high',
    );
    expect(say(placeText({ kind: 'points', place, points: [{ x: 0, y: 4.4, label: 0 }] }))).toBe(
      'Point at column 1, row 5',
    );
  });

  it('gives millimetres in space', () => {
    const corners: [number, number, number][] = [[0, 0, 0], [30, 0, 0], [0, 0, 12], [30, 0, 12]]; // prettier-ignore
    expect(say(placeText({ kind: 'world-box', corners }))).toBe('Box 30 mm wide, 12 mm high');
    expect(say(placeText({ kind: 'world-points', points: [{ at: [-1.2, 3, 10], label: 1 }] }))).toBe(
      'Point at -1, 3, 10 mm',
    );
  });
});
