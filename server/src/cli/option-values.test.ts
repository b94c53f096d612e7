import { UsageError } from './exit.js';
import { deviceValue, memoryValue, rangeValue, wholeValue, windowValue } from './option-values.js';

describe('option values', () => {
  it('reads memory sizes with their units', () => {
    expect(memoryValue('1GiB')).toBe(2 ** 30);
    expect(memoryValue('1.5 GB')).toBe(1.5e9);
    expect(memoryValue('800mib')).toBe(800 * 2 ** 20);
    expect(memoryValue(String(2 ** 27))).toBe(2 ** 27);
    for (const text of ['1', '63MiB', '-1GiB', '1TiB', 'much', '', '1e30GiB', 'NaN', '999999999GiB']) {
      expect(() => memoryValue(text)).toThrow(UsageError);
    }
  });

  it('reads ranges and whole numbers strictly', () => {
    expect(rangeValue('3:9')).toEqual({ first: 3, last: 9 });
    expect(rangeValue('4:4')).toEqual({ first: 4, last: 4 });
    for (const text of ['9:3', '3', '3:', ':3', '-1:3', '1.5:3', '1:2:3']) expect(() => rangeValue(text)).toThrow(UsageError); // prettier-ignore
    const threads = wholeValue('--threads', 1, 256);
    expect(threads('8')).toBe(8);
    for (const text of ['0', '257', '1.5', '-1', '', '1e2', '0x10']) expect(() => threads(text)).toThrow(/--threads cannot be/); // prettier-ignore
  });

  it('turns errors of windows and devices into usage errors that keep their remedy', () => {
    expect(windowValue('-600,1500')).toEqual({ kind: 'explicit', centre: -600, width: 1500 });
    expect(deviceValue('cuda:1')).toEqual({ kind: 'cuda', index: 1 });
    for (const attempt of [() => windowValue('40,0'), () => deviceValue('cuda:')]) {
      expect(attempt).toThrow(UsageError);
      expect(attempt).toThrow(expect.objectContaining({ exitCode: 2, remedy: expect.stringMatching(/\w/) as string }) as Error); // prettier-ignore
    }
  });
});
