import { makePhantom } from '../testing/phantom.js';
import type { Volume } from '../volume.js';
import { VolumeFiller } from './fill-volume.js';
import { framesOf } from './frames.js';
import { planVolumes } from './group.js';
import { readHeader, type InstanceHeader } from './header.js';
import { parsePart10 } from './parse.js';
import { sliceElements, writeInstance, type Elements } from './testing/write-dicom.js';

const { volume } = makePhantom({ columns: 16, rows: 12, slices: 6, seed: 4 });

/** A filler for instances, and what each header is filled from. */
function prepare(elements: readonly Elements[]): {
  filler: VolumeFiller;
  headers: InstanceHeader[];
  add: (...sources: number[]) => Promise<void>;
} {
  const instances = elements.map((own) => parsePart10(writeInstance(own)));
  const headers = instances.map((parsed, source) => readHeader(parsed, source) as InstanceHeader);
  const [plan] = planVolumes(headers.flatMap((header, index) => framesOf(instances[index].dataset, header)));
  const filler = new VolumeFiller(plan);
  return {
    filler,
    headers,
    add: async (...sources) => {
      for (const source of sources) await filler.add(headers[source], instances[source]);
    },
  };
}
const needed = (filler: VolumeFiller): number[] => filler.needed.map(({ source }) => source);

describe('a volume that is filled instance by instance', () => {
  const slices = sliceElements(volume, 1);
  /** The fourth slice once more, under another identifier. */
  const copy = { ...slices[3], '00080018': { vr: 'UI', Value: ['1.2.826.0.1.3680043.10.1561.9.9'] } };
  const other: Elements = {
    ...copy,
    '7FE00010': { vr: 'OW', Value: [new Uint16Array(16 * 12).fill(7).buffer] },
  };
  const voxels = ({ voxels: all }: Volume): number[] => [...all];

  it('is the same in any order', async () => {
    const { filler, add } = prepare(slices);
    await add(4, 0, 5);
    expect(needed(filler)).toEqual([1, 2, 3]);
    expect(() => filler.finish()).toThrow('3 instances');
    // what came already is not read again
    await add(0, 3, 1, 2);
    expect(needed(filler)).toEqual([]);
    expect(voxels(filler.finish())).toEqual([...volume.voxels]);
  });

  it('a duplicate that comes before its counterpart is needed once more', async () => {
    const { filler, add } = prepare([copy, ...slices]);
    // the plan keeps one of the two, by instance number and file order
    const [duplicate] = needed(filler).slice(-1);
    await add(duplicate);
    expect(needed(filler)).toHaveLength(7);
    await add(0, 1, 2, 3, 4, 5, 6);
    await add(...needed(filler));
    expect(voxels(filler.finish())).toEqual([...volume.voxels]);
  });

  it('a duplicate with other pixels is found in either order', async () => {
    for (const order of [
      [0, 1, 2, 3, 4, 5, 6],
      [6, 5, 4, 3, 2, 1, 0],
    ]) {
      const { filler, add } = prepare([...slices, other]);
      const all = async (): Promise<void> => {
        await add(...order);
        await add(...needed(filler));
      };
      await expect(all()).rejects.toMatchObject({ code: 'conflicting-duplicates' });
    }
  });

  it.each<[string, Elements]>([
    ['identifier', { '00080018': { vr: 'UI', Value: ['1.2.3'] } }],
    ['size', { '00280010': { vr: 'US', Value: [6] }, '00280011': { vr: 'US', Value: [32] } }],
    ['position', { '00200032': { vr: 'DS', Value: ['-120.5', '-80.25', '301'] } }],
    ['colours', { '00280004': { vr: 'CS', Value: ['RGB'] }, '00280002': { vr: 'US', Value: [3] } }],
  ])('an instance of another %s than planned is refused', async (_, change) => {
    const { filler, headers } = prepare(slices);
    const changed = parsePart10(writeInstance({ ...slices[0], ...change }));
    await expect(filler.add(headers[0], changed)).rejects.toMatchObject({ name: 'UserError' });
    expect(needed(filler)).toContain(0);
  });
});
