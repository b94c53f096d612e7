import { LabelMapAssembler, type AssembleOptions } from './assemble.js';
import type { SliceResult } from './types.js';

const grid = { slices: 3, rows: 4, columns: 4 };
const make = (options: Partial<AssembleOptions> = {}) =>
  new LabelMapAssembler({ ...grid, labels: [1, 2], nonOverlap: false, largestComponent: false, ...options });

/** `pixels`: flat indices of the mask; logits are constant on it. */
function result(label: number, slice: number, pixels: readonly number[], logit = 1): SliceResult {
  const mask = new Uint8Array(16);
  const logits = new Float32Array(16).fill(-1);
  for (const pixel of pixels) {
    mask[pixel] = 1;
    logits[pixel] = logit;
  }
  const view = { left: 0, top: 0, width: 4, height: 4 };
  return { label, slice, mask, logits, view, iou: 0.9, presence: 3, origin: 'propagated' };
}

const voxelsOf = (labels: Uint8Array | Uint16Array, label: number) =>
  [...labels.keys()].filter((at) => labels[at] === label);

describe('LabelMapAssembler', () => {
  it('lets later objects overwrite earlier ones, whatever the order of arrival', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const results = [result(1, 1, [0, 1, 2]), result(2, 1, [2, 3])];
      const assembler = make();
      for (const at of order) assembler.add(results[at]);
      const { labels, objects, maskOf } = assembler.finish();
      expect([...maskOf(1, 1).keys()].filter((at) => maskOf(1, 1)[at])).toEqual([0, 1, 2]);
      expect(maskOf(1, 0).includes(1)).toBe(false);
      expect(voxelsOf(labels, 1)).toEqual([16, 17]);
      expect(voxelsOf(labels, 2)).toEqual([18, 19]);
      expect(objects[0]).toMatchObject({ voxels: 2, lostVoxels: 1 });
      expect(objects[1]).toMatchObject({ voxels: 2, lostVoxels: 0 });
    }
  });

  it('follows the order of the request, not that of the numbers', () => {
    const assembler = make({ labels: [2, 1] });
    assembler.add(result(1, 0, [5]));
    assembler.add(result(2, 0, [5]));
    expect(voxelsOf(assembler.finish().labels, 1)).toEqual([5]);
  });

  it('gives contested pixels to the higher logit, and equal ones to the earlier object', () => {
    const assembler = make({ nonOverlap: true });
    assembler.add(result(1, 0, [0, 1, 2], 5));
    assembler.add(result(2, 0, [2, 3], 4));
    assembler.add(result(1, 1, [0, 1], 2));
    assembler.add(result(2, 1, [1], 6));
    assembler.add(result(1, 2, [7], 2));
    assembler.add(result(2, 2, [7], 2));
    const { labels, objects } = assembler.finish();
    expect(voxelsOf(labels, 1)).toEqual([0, 1, 2, 16, 39]);
    expect(voxelsOf(labels, 2)).toEqual([3, 17]);
    expect(objects.map(({ lostVoxels }) => lostVoxels)).toEqual([1, 2]);
  });

  it('never adds a pixel that is not in the mask of its object, however high its logit', () => {
    const assembler = make({ nonOverlap: true });
    assembler.add({ ...result(1, 0, [0]), logits: new Float32Array(16).fill(9) });
    assembler.add(result(2, 0, [0, 5], 1));
    const { labels } = assembler.finish();
    expect(voxelsOf(labels, 1)).toEqual([0]);
    expect(voxelsOf(labels, 2)).toEqual([5]);
  });

  it('keeps the largest component of each object on its own, before objects overwrite each other', () => {
    const assembler = make({ largestComponent: true });
    // object 1: two voxels that touch across slices, and one far away; object 2 covers one of the two
    assembler.add(result(1, 0, [0, 15]));
    assembler.add(result(1, 1, [5]));
    assembler.add(result(2, 1, [5]));
    const { labels, objects } = assembler.finish();
    expect(voxelsOf(labels, 1)).toEqual([0]);
    expect(voxelsOf(labels, 2)).toEqual([21]);
    expect(objects[0]).toMatchObject({ voxels: 1, removedVoxels: 1, lostVoxels: 1 });
  });

  it('lists the scores of every slice in order, with the pixels that are left', () => {
    const assembler = make();
    assembler.add(result(1, 2, []));
    assembler.add(result(1, 0, [1, 2]));
    const [object] = assembler.finish().objects;
    expect(object.scores.map(({ slice, pixels }) => [slice, pixels])).toEqual([
      [0, 2],
      [2, 0],
    ]);
  });

  it('widens to 16 bits for labels above 255 only', () => {
    expect(make().finish().labels).toBeInstanceOf(Uint8Array);
    const wide = make({ labels: [1, 300] });
    wide.add(result(300, 0, [0]));
    const { labels } = wide.finish();
    expect(labels).toBeInstanceOf(Uint16Array);
    expect(labels[0]).toBe(300);
  });

  it('refuses what was not announced', () => {
    expect(() => make().add(result(3, 0, []))).toThrow(RangeError);
    expect(() => make().add(result(1, 3, []))).toThrow(RangeError);
    expect(() => make({ labels: [1, 1] })).toThrow(RangeError);
  });
});
