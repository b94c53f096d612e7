import { diceWith } from './dice.js';

describe('Dice with one label of a truth', () => {
  it('counts voxels in both twice over those in either', () => {
    expect(diceWith([1, 1, 0, 0], [2, 0, 2, 1], 2)).toBe(0.5);
    expect(diceWith([0, 0], [0, 1], 1)).toBe(0);
    expect(diceWith([9, 0], [1, 0], 1)).toBe(1);
    expect(diceWith([0], [0], 1)).toBe(1);
  });
  it('refuses other grids', () => {
    expect(() => diceWith([0], [0, 1], 1)).toThrow('1 voxels, the truth 2');
  });
});
