import fc from 'fast-check';
import { fromBase64, toBase64 } from './base64.js';
import { codeOf } from './testing.js';
import { countPixels, decodeRuns, encodeRuns, intervalsOfRuns } from './masks.js';

/** Masks with long runs as well as noise. */
const masks = fc
  .array(fc.record({ value: fc.constantFrom(0, 1), length: fc.integer({ min: 1, max: 400 }) }), { maxLength: 40 })
  .map((runs) => Uint8Array.from(runs.flatMap(({ value, length }) => new Array<number>(length).fill(value))));

describe('runs', () => {
  it('give back any mask exactly', () => {
    fc.assert(
      fc.property(masks, (mask) => {
        const runs = encodeRuns(mask);
        expect(decodeRuns(runs, mask.length)).toEqual(mask);
        expect(countPixels(runs)).toBe(mask.reduce((sum, value) => sum + value, 0));
      }),
    );
  });

  it('are lengths of alternating stretches from a zero on, without the zeros at the end', () => {
    expect([...encodeRuns(new Uint8Array(500))]).toEqual([]);
    expect([...encodeRuns([1, 1, 0])]).toEqual([0, 2]);
    const long = new Uint8Array(1000);
    long.fill(1, 300, 303);
    // 300 = 0b10_0101100: low seven bits with a continuation mark, then 2.
    expect([...encodeRuns(long)]).toEqual([0xac, 0x02, 3]);
  });

  it('count every value that is not zero as one', () => {
    expect(decodeRuns(encodeRuns([0, 255, 3]), 3)).toEqual(Uint8Array.of(0, 1, 1));
  });

  it('hold runs of more than 31 bits', () => {
    expect([...intervalsOfRuns(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0b, 1))]).toEqual([[3221225471, 3221225472]]);
  });

  it('are written into a given array', () => {
    const into = new Uint8Array(4);
    expect(decodeRuns(Uint8Array.of(1, 2), 4, into)).toBe(into);
    expect([...into]).toEqual([0, 1, 1, 0]);
  });

  it.each([
    ['that end within a number', [0x80]],
    ['with a number of six bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 1]],
    ['with a run without pixels', [1, 2, 0, 3]],
    ['that reach beyond the slice', [7, 3]],
    ['with zeros beyond the slice', [10]],
    ['that are longer than any slice', [0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])('refuses bytes %s', (_, bytes) => {
    expect(codeOf(() => decodeRuns(Uint8Array.from(bytes), 9))).toBe('mask-invalid');
  });

  it('never fail in another way on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          expect(decodeRuns(bytes, 4096)).toHaveLength(4096);
        } catch (error) {
          expect(error).toMatchObject({ code: 'mask-invalid' });
        }
      }),
    );
  });
});

describe('base64', () => {
  it('gives back any bytes', () => {
    // RFC 4648 section 10
    expect(toBase64(new TextEncoder().encode('fooba'))).toBe('Zm9vYmE=');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = toBase64(bytes);
        expect(fromBase64(text)).toEqual(bytes);
      }),
    );
    const large = Uint8Array.from({ length: 100_003 }, (_, index) => index % 251);
    expect(fromBase64(toBase64(large))).toEqual(large);
  });

  it('refuses other text', () => {
    expect(codeOf(() => fromBase64('äöü'))).toBe('base64-invalid');
  });
});
