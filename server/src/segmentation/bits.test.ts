import { seededRandom } from '../imaging/testing/phantom.js';
import { packedBytes, packFrame, unpackFrame } from './bits.js';

/** The rule itself: pixel i of frame f is bit f x pixels + i, least significant bit of a byte first. */
const bitAt = (stream: Uint8Array, bit: number): number => (stream[Math.floor(bit / 8)] >> (bit % 8)) & 1;

function randomFrames(pixels: number, frames: number, density: number): Uint8Array[] {
  const random = seededRandom(pixels * 31 + frames);
  return Array.from({ length: frames }, () => Uint8Array.from({ length: pixels }, () => Number(random() < density)));
}

describe('1-bit pixel data', () => {
  it.each([
    [1, 1],
    [1, 9],
    [3, 5],
    [7, 8],
    [23 * 38, 5],
    [24 * 38, 3],
    [13 * 11, 20],
    [101 * 103, 2],
  ])('%i pixels in %i frames are one continuous stream', (pixels, count) => {
    for (const density of [0, 0.1, 1]) {
      const frames = randomFrames(pixels, count, density);
      const stream = new Uint8Array(packedBytes(pixels, count));
      frames.forEach((frame, index) => packFrame(frame, index, stream));
      const wrong = frames.flatMap((frame, index) =>
        [...frame.keys()].filter((pixel) => bitAt(stream, index * pixels + pixel) !== frame[pixel]),
      );
      expect(wrong).toEqual([]);
      expect(stream.length).toBe(Math.ceil((pixels * count) / 8));
      frames.forEach((frame, index) => expect(unpackFrame(stream, index, pixels)).toEqual(frame));
    }
  });

  it('packs in any order', () => {
    const frames = randomFrames(35, 4, 0.5);
    const [forward, backward] = [new Uint8Array(packedBytes(35, 4)), new Uint8Array(packedBytes(35, 4))];
    frames.forEach((frame, index) => packFrame(frame, index, forward));
    [3, 1, 0, 2].forEach((index) => packFrame(frames[index], index, backward));
    expect(backward).toEqual(forward);
  });

  it('refuses a frame that the stream does not hold', () => {
    expect(() => unpackFrame(new Uint8Array(4), 1, 17)).toThrow('frame 2 lies beyond the end of the pixel data');
    expect(unpackFrame(new Uint8Array(5), 1, 17)).toEqual(new Uint8Array(17));
  });
});
