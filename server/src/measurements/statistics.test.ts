import type { Finding, SliceSource, Volume } from '../imaging/volume.js';
import { makePhantom } from '../imaging/testing/phantom.js';
import { statisticsInTurns, statisticsOf } from './statistics.js';
import { intensityUnit } from './unit.js';

const phantom = makePhantom({ noise: 0, objects: 1 });
const size = phantom.volume.geometry.rows * phantom.volume.geometry.columns;
const sliceMask = (slice: number): Uint8Array =>
  Uint8Array.from(phantom.truth.labels.subarray(slice * size, (slice + 1) * size));
const slices = Array.from({ length: phantom.volume.geometry.slices }, (_, slice) => slice).filter((slice) =>
  sliceMask(slice).includes(1),
);
const segment = { id: 3, slices, mask: sliceMask };
const found = (code: string): Finding => ({ code, severity: 'warn', message: 'As it is.' });

describe('statisticsOf', () => {
  it('measures an ellipsoid of one intensity', () => {
    const [ellipsoid] = phantom.ellipsoids;
    const figures = statisticsOf(segment, phantom.volume, 'HU');
    const voxels = phantom.truth.labels.filter((label: number) => label === 1).length;
    expect(figures).toMatchObject({ segment: 3, voxels, unit: 'HU', axisUnit: 'mm', sd: 0 });
    expect(figures).toMatchObject({ mean: ellipsoid.value, min: ellipsoid.value, max: ellipsoid.value });
    expect(figures.volumeMl).toBeCloseTo((voxels * 0.8 * 0.9 * 3) / 1000, 12);
    expect(
      Math.abs((figures.longAxis ?? 0) - 2 * Math.max(ellipsoid.radii[0] * 0.8, ellipsoid.radii[1] * 0.9)),
    ).toBeLessThan(1.3);
    // the widest cut of an ellipsoid goes through its centre
    expect(Math.abs((figures.axisSlice ?? 0) - ellipsoid.centre[2])).toBeLessThanOrEqual(1);
    expect(figures.remarks).toBeUndefined();
  });

  it('says nothing of an empty segment but that it is empty', () => {
    const figures = statisticsOf({ id: 1, slices: [], mask: sliceMask }, phantom.volume, 'HU');
    expect(figures).toEqual({ segment: 1, voxels: 0, volumeMl: 0, axisUnit: 'mm', unit: 'HU' });
  });

  it('counts a tilted stack by its distances along the normal', () => {
    // steps of 4.22 mm along the table at 18.5 degrees are 4.00 mm along the normal
    const tilt = (18.5 * Math.PI) / 180;
    const { geometry } = phantom.volume;
    const volume: Volume = {
      ...phantom.volume,
      geometry: {
        ...geometry,
        spacing: [0.8, 0.9, 4 / Math.cos(tilt)],
        direction: [1, 0, 0, 0, 1, Math.sin(tilt), 0, 0, Math.cos(tilt)],
      },
      findings: [found('gantry-tilt')],
    };
    const figures = statisticsOf(segment, volume, 'HU');
    expect(figures.volumeMl).toBeCloseTo((figures.voxels * 0.8 * 0.9 * 4) / 1000, 9);
  });

  it('leaves in-plane and volume figures to pixels where there is no place in space', () => {
    const volume: Volume = { ...phantom.volume, kind: 'cine', findings: [found('no-place-in-space')] };
    const figures = statisticsOf(segment, volume, 'stored');
    expect(figures.volumeMl).toBeUndefined();
    expect(figures.axisUnit).toBe('px');
    expect(figures.remarks).toEqual(['Frames in time have no volume.']);
  });

  it('does not measure intensities of colour', () => {
    const voxels = new Uint8Array(phantom.volume.voxels.length * 3);
    const figures = statisticsOf(segment, { ...phantom.volume, voxels, channels: 3 }, 'stored');
    expect(figures.mean).toBeUndefined();
    expect(figures.voxels).toBeGreaterThan(0);
    expect(figures.remarks?.[0]).toMatch(/^Colour/);
  });

  it('does not measure intensities that were exchanged for display', () => {
    const figures = statisticsOf(segment, { ...phantom.volume, findings: [found('display-inverted')] }, 'stored');
    expect(figures.mean).toBeUndefined();
    expect(figures.remarks?.join()).toMatch(/MONOCHROME1/);
  });

  it('leaves NaN out of the intensities and says so', () => {
    const voxels = Float32Array.from(phantom.volume.voxels);
    const first = slices[0] * size + sliceMask(slices[0]).indexOf(1);
    voxels[first] = NaN;
    const figures = statisticsOf(segment, { ...phantom.volume, voxels }, 'HU');
    expect(figures.mean).toBe(phantom.ellipsoids[0].value);
    expect(figures.remarks).toEqual(['1 voxel NaN or infinite, left out of the intensities.']);
  });

  it('keeps the deviation of values that lie far from zero', () => {
    const voxels = Float64Array.from(phantom.volume.voxels, (_, index) => 1e9 + (index % 2));
    const figures = statisticsOf(segment, { ...phantom.volume, voxels }, 'stored');
    const share = slices.reduce((sum, slice) => {
      const mask = sliceMask(slice);
      return sum + mask.reduce((odd, set, index) => odd + (set && (slice * size + index) % 2 ? 1 : 0), 0);
    }, 0);
    const p = share / figures.voxels;
    expect(figures.sd).toBeCloseTo(Math.sqrt(p * (1 - p)), 9);
  });

  it('gives the same in turns, and can be stopped', async () => {
    expect(await statisticsInTurns(segment, phantom.volume, 'HU')).toEqual(statisticsOf(segment, phantom.volume, 'HU'));
    const stop = new AbortController();
    const stopping = { ...segment, mask: (slice: number) => (stop.abort(new Error('stopped')), sliceMask(slice)) };
    await expect(statisticsInTurns(stopping, phantom.volume, 'HU', stop.signal)).rejects.toThrow('stopped');
  });

  it('refuses a mask of another size', () => {
    const wrong = { ...segment, mask: () => new Uint8Array(4) };
    expect(() => statisticsOf(wrong, phantom.volume, 'HU')).toThrow(RangeError);
  });
});

describe('volume of uneven stacks', () => {
  const at = (positions: readonly number[], code: string): Volume => ({
    ...phantom.volume,
    voxels: new Int16Array(4 * positions.length),
    geometry: { ...phantom.volume.geometry, rows: 2, columns: 2, slices: positions.length, spacing: [2, 3, 1] },
    findings: [found(code)],
    sliceSources: positions.map((z): SliceSource => ({
      sopInstanceUid: '1.2',
      sopClassUid: '1.3',
      imagePosition: ['0', '0', String(z)],
    })),
  });
  const full = (...slices: number[]): { id: number; slices: number[]; mask: () => Uint8Array } => ({
    id: 1,
    slices,
    mask: () => Uint8Array.of(1, 1, 1, 1),
  });

  it('counts each slice half way to its neighbours', () => {
    const volume = at([0, 4, 8, 15, 22], 'nonuniform-spacing');
    // 4, 4, 5.5, 7, 7 mm; 4 pixels of 6 mm2
    expect(statisticsOf(full(0, 1), volume, 'HU').volumeMl).toBeCloseTo((24 * 8) / 1000, 12);
    expect(statisticsOf(full(1, 2, 3), volume, 'HU').volumeMl).toBeCloseTo((24 * 16.5) / 1000, 12);
    expect(statisticsOf(full(0, 1, 2, 3, 4), volume, 'HU').remarks?.[0]).toMatch(/half way/);
  });

  it('says nothing of a segment that reaches missing slices, and measures the others', () => {
    const volume = at([0, 1, 2, 3, 6, 7, 8], 'missing-slices');
    expect(statisticsOf(full(1, 2, 3), volume, 'HU').volumeMl).toBeUndefined();
    expect(statisticsOf(full(1, 2, 3), volume, 'HU').remarks?.join()).toMatch(/missing slices/);
    expect(statisticsOf(full(0, 1, 2), volume, 'HU').volumeMl).toBeCloseTo((24 * 3) / 1000, 12);
  });

  it('says nothing when the positions are not known', () => {
    const volume: Volume = { ...at([0, 4, 11], 'nonuniform-spacing'), sliceSources: undefined };
    expect(statisticsOf(full(0), volume, 'HU').volumeMl).toBeUndefined();
  });

  it('says nothing of a single slice', () => {
    expect(statisticsOf(full(0), at([0], 'single-slice'), 'HU')).toMatchObject({
      voxels: 4,
      longAxis: Math.hypot(4, 6),
    });
    expect(statisticsOf(full(0), at([0], 'single-slice'), 'HU').volumeMl).toBeUndefined();
  });
});

describe('intensityUnit', () => {
  const stating = (tag: string, value: string): Record<string, { Value: string[] }> => ({ [tag]: { Value: [value] } });

  it.each([
    ['CT', {}, 'HU'],
    ['CT', stating('00281054', 'HU'), 'HU'],
    ['CT', stating('00281054', 'US'), 'HU'],
    ['CT', stating('00281054', 'ED'), 'ED'],
    ['PT', stating('00541001', 'BQML'), 'Bq/ml'],
    ['PT', stating('00541001', 'GML'), 'g/ml'],
    ['PT', stating('00541001', 'MGMINML'), 'MGMINML'],
    ['PT', {}, 'stored'],
    ['MR', stating('00281054', 'US'), 'stored'],
    ['MR', stating('00281054', 'T2'), 'T2'],
    [undefined, {}, 'stored'],
  ])('%s %j: %s', (modality, dataset, unit) => expect(intensityUnit(modality, dataset)).toBe(unit));

  it('reads the functional groups of enhanced images', () => {
    const dataset = { '52009229': { Value: [{ '00289145': { Value: [stating('00281054', 'HU')] } }] } };
    expect(intensityUnit('CT', dataset)).toBe('HU');
    expect(intensityUnit('MR', dataset)).toBe('HU');
  });
});
