import { colourDistance, standsOut } from './colours.js';

const [kidney, liver, sky] = [
  [185, 102, 83],
  [221, 130, 101],
  [86, 180, 233],
] as const;

test('is nothing between a colour and itself, the same both ways, and largest between black and white', () => {
  expect(colourDistance(liver, liver)).toBe(0);
  expect(colourDistance(liver, sky)).toBe(colourDistance(sky, liver));
  expect(colourDistance([0, 0, 0], [255, 255, 255])).toBeCloseTo(764.8, 1);
});

test('takes the browns of organs for alike, not brown and blue', () => {
  expect(standsOut(kidney, [sky, liver])).toBe(false);
  expect(standsOut(sky, [kidney, liver])).toBe(true);
  expect(standsOut(kidney, [])).toBe(true);
});
