import { runPython, testPython } from '@medsam2/models/testing';
import { argmax, linear, packBfloat16, roundToBfloat16, stability, temporalCode, unpackBfloat16 } from './numeric.js';
import { TestRandom } from './testing/random.js';

const fromBits = (...bits: readonly number[]) => new Float32Array(Uint32Array.from(bits).buffer);
const bitsOf = (values: Float32Array) => [...new Uint32Array(values.buffer, values.byteOffset, values.length)];

/** Values where rounding to bfloat16 goes wrong if it goes wrong anywhere. */
const special = fromBits(
  ...[0x00000000, 0x80000000, 0x7f800000, 0xff800000], // zeros, infinities
  ...[0x00000001, 0x80000001, 0x00007fff, 0x00008000, 0x00008001, 0x00018000, 0x007fffff, 0x807fffff], // subnormals
  ...[0x3f808000, 0x3f818000, 0xbf808000, 0xbf818000], // ties, to even below and above
  ...[0x3f807fff, 0x3f808001, 0x3f817fff, 0x3f818001], // next to ties
  ...[0x7f7fffff, 0xff7fffff, 0x7f7f7fff, 0x7f7f8000], // largest values: up to infinity, or not
);
const notNumbers = fromBits(0x7fc00000, 0x7f800001, 0xffc12345, 0x7fffffff);

describe('temporalCode', () => {
  it("has the specification's golden values", () => {
    const near = temporalCode(1 / 15, 256);
    const expected: [number, number][] = [
      [0, 0.0666173],
      [1, 0.0666173],
      [2, 0.0576989],
      [128, 0.9977786],
      [129, 0.9977786],
      [130, 0.9983341],
    ];
    for (const [index, value] of expected) expect(near[index]).toBeCloseTo(value, 6);
    const far = temporalCode(1, 256);
    expect(far[0]).toBeCloseTo(0.841471, 6);
    expect(far[128]).toBeCloseTo(0.5403023, 6);
  });

  it('is zero sines and unit cosines for no distance, whatever the width', () => {
    expect([...temporalCode(0, 8)]).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  });
});

describe('roundToBfloat16', () => {
  it('rounds ties to even and keeps infinities and signs', () => {
    const rounded = bitsOf(roundToBfloat16(special.slice()));
    expect(rounded.slice(0, 4)).toEqual([0x00000000, 0x80000000, 0x7f800000, 0xff800000]);
    expect(rounded.slice(12, 20)).toEqual([
      ...[0x3f800000, 0x3f820000, 0xbf800000, 0xbf820000],
      ...[0x3f800000, 0x3f810000, 0x3f810000, 0x3f820000],
    ]);
    expect(rounded.slice(20)).toEqual([0x7f800000, 0xff800000, 0x7f7f0000, 0x7f800000]);
  });

  it('keeps what is not a number not a number, also when it is packed', () => {
    const packed = packBfloat16(roundToBfloat16(notNumbers.slice()));
    expect([...unpackBfloat16(packed)]).toEqual([NaN, NaN, NaN, NaN]);
  });

  it('works in place, on views as well', () => {
    const whole = Float32Array.from([1.00390625, 1.00390625]);
    expect(roundToBfloat16(whole.subarray(1))).toEqual(Float32Array.from([1]));
    expect([...whole]).toEqual([1.00390625, 1]);
  });
});

describe('packBfloat16 and unpackBfloat16', () => {
  it('lose nothing of rounded values, also in views', () => {
    const random = new TestRandom(5);
    const values = roundToBfloat16(random.floats(999, 1e3));
    const view = values.subarray(1);
    expect(bitsOf(unpackBfloat16(packBfloat16(view)))).toEqual(bitsOf(view));
    expect(bitsOf(unpackBfloat16(packBfloat16(roundToBfloat16(special.slice()))))).toEqual(
      bitsOf(roundToBfloat16(special.slice())),
    );
  });
});

describe('argmax', () => {
  it('takes the first of equal values, inside its bounds', () => {
    expect(argmax([9, 1, 5, 5], 1, 4)).toBe(2);
    expect(argmax([9, 5, 5, 5], 1, 4)).toBe(1);
    expect(argmax([9, -3, -2, -1], 1, 4)).toBe(3);
    expect(argmax([9, -3, -2, -1], 1, 2)).toBe(1);
  });
});

describe('stability', () => {
  const at = (...values: readonly number[]) => stability(Float32Array.from(values), 0.05);

  it('is 1 for an empty mask and for a mask without doubtful pixels', () => {
    expect(at(-5, -5)).toBe(1);
    expect(at(-1024, -1024)).toBe(1);
    expect(at(5, -5)).toBe(1);
  });

  it('counts strictly above the two thresholds', () => {
    expect(at(5, 0.05, -0.05, -5)).toBe(0.5);
    expect(at(0, 0)).toBe(0);
    expect(at(5, 5, 5, 0.01)).toBe(0.75);
  });
});

describe('linear', () => {
  it('multiplies rows and adds the bias', () => {
    const y = linear(Float32Array.from([1, 2, 3, 4, 5, 6]), Float32Array.from([10, 20]), Float32Array.from([1, 0, -1]));
    expect([...y]).toEqual([8, 18]);
  });
});

const python = testPython();

(python === undefined ? describe.skip : describe)('against torch', () => {
  const asJson = (script: string, values: Float32Array) =>
    JSON.parse(
      runPython(
        python ?? '',
        `import json, sys, numpy as np, torch
values = torch.from_numpy(np.array(json.load(sys.stdin), dtype=np.uint32).view(np.float32).copy())
${script}`,
        JSON.stringify(bitsOf(values)),
      ),
    ) as number[];

  it('rounds to bfloat16 bit by bit the same, from any bits', () => {
    const random = new TestRandom(6);
    const anything = fromBits(...Array.from({ length: 20000 }, () => Math.floor(random.next() * 2 ** 32)));
    const values = Float32Array.from([...special, ...random.floats(2000), ...anything].filter((v) => !Number.isNaN(v)));
    const script = 'print(json.dumps(values.to(torch.bfloat16).float().numpy().view(np.uint32).tolist()))';
    expect(bitsOf(roundToBfloat16(values.slice()))).toEqual(asJson(script, values));
    expect(asJson('print(json.dumps(values.to(torch.bfloat16).float().isnan().tolist()))', notNumbers)).toEqual(
      new Array(notNumbers.length).fill(true),
    );
  });

  it('takes the same maximum of equal values', () => {
    const random = new TestRandom(7);
    const values = Float32Array.from({ length: 900 }, () => random.whole(0, 2));
    const script = 'print(json.dumps(values.reshape(-1, 3).argmax(1).tolist()))';
    const ours = Array.from({ length: 300 }, (_, row) => argmax(values, 3 * row, 3 * row + 3) - 3 * row);
    expect(ours).toEqual(asJson(script, values));
  });
});
