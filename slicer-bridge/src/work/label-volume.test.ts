import { LabelVolume } from './label-volume.js';

const size = { slices: 2, rows: 1, columns: 4 };
const paint = (volume: LabelVolume, label: number, slice: number, ...mask: number[]): void =>
  volume.paint({ label, slice, mask: Uint8Array.from(mask) });

describe('a result', () => {
  it('paints later objects over earlier ones', () => {
    const volume = new LabelVolume(size);
    paint(volume, 1, 1, 1, 1, 0, 0);
    paint(volume, 2, 1, 0, 1, 1, 0);
    expect(volume.compact()).toEqual([1, 2]);
    expect([...volume.labels]).toEqual([0, 0, 0, 0, 1, 2, 2, 0]);
    expect([...volume.maskOf(2, 1)]).toEqual([0, 1, 1, 0]);
  });

  it('has no gaps in its labels, which the client would read as empty segments', () => {
    const volume = new LabelVolume(size);
    paint(volume, 2, 0, 1, 1, 0, 0);
    paint(volume, 5, 1, 0, 0, 0, 1);
    expect(volume.compact()).toEqual([2, 5]);
    expect([...volume.labels]).toEqual([1, 1, 0, 0, 0, 0, 0, 2]);
  });

  it('always has background, because the client leaves the smallest value out', () => {
    const volume = new LabelVolume(size);
    for (const slice of [0, 1]) paint(volume, 1, slice, 1, 1, 1, 1);
    volume.compact();
    expect([...volume.labels]).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('is refused when empty', () => {
    expect(() => new LabelVolume(size).compact()).toThrow('sees no object');
  });

  it('takes no mask of another size', () => {
    expect(() => paint(new LabelVolume(size), 1, 0, 1)).toThrow(RangeError);
    expect(() => paint(new LabelVolume(size), 1, 2, 1, 1, 1, 1)).toThrow(RangeError);
  });
});
