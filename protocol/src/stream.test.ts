import fc from 'fast-check';
import { codeOf } from './testing.js';
import { encodeFrame, StreamDecoder, type StreamEvent } from './stream.js';

const slice: StreamEvent = {
  header: {
    type: 'slice',
    segment: 1,
    slice: 7,
    revision: 12,
    rows: 4,
    columns: 5,
    iou: 0.91,
    presence: 8.5,
    origin: 'propagated',
    pixels: 3,
  },
  payload: Uint8Array.of(2, 3),
};

const events: fc.Arbitrary<StreamEvent> = fc.oneof(
  fc.constant<StreamEvent>({ header: { type: 'ping' }, payload: new Uint8Array() }),
  fc.record({
    header: fc.record({ type: fc.constant('closed' as const), reason: fc.string({ unit: 'grapheme', maxLength: 40 }) }),
    payload: fc.constant(new Uint8Array()),
  }),
  fc.record({ header: fc.constant(slice.header), payload: fc.uint8Array({ maxLength: 200 }) }),
);

/** Splits bytes at the given places. */
function* split(bytes: Uint8Array, cuts: readonly number[]): Generator<Uint8Array> {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let at = 0;
  for (const place of [...places, bytes.length]) {
    yield bytes.subarray(at, place);
    at = place;
  }
}

const join = (parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

describe('frames', () => {
  it('give back any events, in whatever chunks they arrive', () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 8 }), fc.array(fc.nat(2000), { maxLength: 12 }), (sent, cuts) => {
        const decoder = new StreamDecoder();
        const received: StreamEvent[] = [];
        for (const chunk of split(join(sent.map(encodeFrame)), cuts)) received.push(...decoder.push(chunk));
        decoder.end();
        expect(received).toEqual(sent);
      }),
    );
  });

  it('are as the format says', () => {
    const frame = encodeFrame({ header: { type: 'ping' }, payload: Uint8Array.of(9) });
    const text = '{"type":"ping"}';
    expect([...frame.subarray(0, 8)]).toEqual([4 + text.length + 1, 0, 0, 0, text.length, 0, 0, 0]);
    expect(new TextDecoder().decode(frame.subarray(8, 8 + text.length))).toBe(text);
    expect(frame.at(-1)).toBe(9);
  });

  it('keep what was handed out while more arrives', () => {
    const decoder = new StreamDecoder();
    const [first] = decoder.push(encodeFrame(slice));
    decoder.push(encodeFrame({ ...slice, payload: Uint8Array.of(8, 8) }));
    expect(first.payload).toEqual(Uint8Array.of(2, 3));
  });

  it('tell of an end within a frame', () => {
    const decoder = new StreamDecoder();
    decoder.push(encodeFrame(slice).subarray(0, 20));
    expect(codeOf(() => decoder.end())).toBe('stream-truncated');
  });

  it('of unknown types are left out', () => {
    const text = new TextEncoder().encode('{"type":"later"}');
    const unknown = join([Uint8Array.of(4 + text.length, 0, 0, 0, text.length, 0, 0, 0), text]);
    expect(new StreamDecoder().push(join([unknown, encodeFrame(slice)]))).toEqual([slice]);
  });

  it.each([
    ['a length above the limit', Uint8Array.of(0, 0, 0, 0xff, 0, 0, 0, 0)],
    ['a length without room for the header', Uint8Array.of(2, 0, 0, 0, 0, 0)],
    ['a header longer than the frame', Uint8Array.of(5, 0, 0, 0, 9, 0, 0, 0, 1)],
    ['a header that is no JSON', Uint8Array.of(6, 0, 0, 0, 2, 0, 0, 0, 0x7b, 0x7b)],
    ['a header that is no UTF-8', Uint8Array.of(6, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xfe)],
    ['a header without a type', Uint8Array.of(6, 0, 0, 0, 2, 0, 0, 0, 0x7b, 0x7d)],
  ])('with %s are refused', (_, bytes) => {
    expect(codeOf(() => new StreamDecoder().push(bytes))).toBe('stream-corrupt');
  });

  it('with a missing field are refused', () => {
    const frame = encodeFrame({ ...slice, header: { ...slice.header, iou: undefined } as never });
    expect(() => new StreamDecoder().push(frame)).toThrow(/no iou/);
  });

  it('that are damaged anywhere fail as corrupt, or are other events, but never hang or crash', () => {
    const bytes = join([encodeFrame(slice), encodeFrame(slice)]);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = bytes.slice();
        damaged[at] ^= flip;
        const decoder = new StreamDecoder();
        const read = () => {
          expect(decoder.push(damaged).length).toBeLessThanOrEqual(2);
          decoder.end();
        };
        expect(codeOf(read)).toMatch(/^(no error|stream-)/);
      }),
    );
  });
});
