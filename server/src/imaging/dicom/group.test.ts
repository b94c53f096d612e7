import { indexToWorld, worldToIndex, type Vector3 } from '../geometry.js';
import type { FrameDescriptor } from './frames.js';
import { planVolumes } from './group.js';
import type { InstanceHeader } from './header.js';

const header = (changes: Partial<InstanceHeader> & { number: number }): InstanceHeader => ({
  source: changes.number,
  sopClassUid: '1.2.840.10008.5.1.4.1.1.4',
  sopInstanceUid: `1.2.${changes.number}`,
  seriesInstanceUid: '1.2.3',
  modality: 'MR',
  imageType: ['ORIGINAL', 'PRIMARY', 'M'],
  instanceNumber: changes.number,
  frameOfReferenceUid: '1.2.4',
  numberOfFrames: 1,
  transferSyntaxUid: '1.2.840.10008.1.2.1',
  lossy: false,
  pixelData: 'present',
  format: {
    rows: 8,
    columns: 10,
    samplesPerPixel: 1,
    photometric: 'MONOCHROME2',
    planarConfiguration: 0,
    bitsAllocated: 16,
    bitsStored: 12,
    highBit: 11,
    signed: false,
  },
  ...changes,
});

let next = 1;
/** An axial frame at height z (mm). */
function frame(
  z: number,
  changes: Partial<FrameDescriptor> & { instance?: Partial<InstanceHeader> } = {},
): FrameDescriptor {
  const number = next++;
  return {
    header: header({ number, ...changes.instance }),
    frameNumber: 1,
    position: [5, 6, z],
    orientation: { row: [1, 0, 0], column: [0, 1, 0] },
    pixelSpacing: [0.8, 0.5],
    imageType: ['ORIGINAL', 'PRIMARY', 'M'],
    phase: {},
    ...changes,
  };
}

const heights = (frames: readonly FrameDescriptor[]): (number | undefined)[] =>
  frames.map(({ position }) => position?.[2]);
const codes = (plan: { findings: readonly { code: string }[] }): string[] => plan.findings.map(({ code }) => code);
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('planVolumes', () => {
  it('sorts ascending along the normal, whatever the instance numbers say', () => {
    const [plan] = planVolumes([30, 0, 20, 10].map((z) => frame(z)));
    expect(heights(plan.frames)).toEqual([0, 10, 20, 30]);
    expect(plan.geometry).toMatchObject({
      columns: 10,
      rows: 8,
      slices: 4,
      spacing: [0.5, 0.8, 10],
      origin: [5, 6, 0],
    });
    expect(plan.findings).toEqual([]);
  });

  it('follows the right-handed normal when it points to the feet', () => {
    const orientation = { row: [1, 0, 0], column: [0, -1, 0] } as const;
    const [plan] = planVolumes([0, 10, 20].map((z) => frame(z, { orientation })));
    expect(heights(plan.frames)).toEqual([20, 10, 0]);
    expect(plan.geometry.direction).toEqual([1, 0, 0, 0, -1, 0, 0, 0, -1]);
  });

  it('keeps world positions exact in a sheared stack and says so', () => {
    const tilt = (18.5 * Math.PI) / 180;
    const orientation = { row: [1, 0, 0], column: [0, Math.cos(tilt), -Math.sin(tilt)] } as const;
    const [plan] = planVolumes(range(10).map((k) => frame(4 * k, { orientation })));
    expect(codes(plan)).toEqual(['gantry-tilt']);
    expect(plan.findings[0].message).toMatch(/18\.5 degrees/);
    const last = indexToWorld(plan.geometry, [0, 0, 9]);
    expect(last[1]).toBeCloseTo(6, 9);
    expect(last[2]).toBeCloseTo(36, 9);
    expect(worldToIndex(plan.geometry, [5, 6, 20])[2]).toBeCloseTo(5, 9);
  });

  it('tells lost slices from a change of spacing', () => {
    const [lost] = planVolumes([0, 3, 6, 9, 15, 18, 21, 24].map((z) => frame(z)));
    expect(codes(lost)).toEqual(['missing-slices']);
    expect(lost.findings[0].message).toMatch(/^1 slice missing/);
    expect(lost.geometry.spacing[2]).toBe(3);
    const [changed] = planVolumes([0, 4, 8, 12, 19, 26, 33].map((z) => frame(z)));
    expect(codes(changed)).toEqual(['nonuniform-spacing']);
    const [rounded] = planVolumes([0, 0.6, 1.3, 1.9, 2.5, 3.1, 3.8].map((z) => frame(10 * z)));
    expect(codes(rounded)).toEqual(['nonuniform-spacing']);
  });

  it('refuses slices that move sideways', () => {
    const shifted = range(6).map((k) => frame(3 * k, { position: [5 + (k === 3 ? 4 : 0), 6, 3 * k] }));
    expect(codes(planVolumes(shifted)[0])).toContain('irregular-positions');
    const [far] = planVolumes([frame(0), frame(1, { position: [80, 6, 1] })]);
    expect(codes(far)).toContain('irregular-positions');
  });

  it('splits phases by a stated attribute and never interleaves them', () => {
    for (const attribute of [
      'temporal position',
      'echo',
      'b-value',
      'trigger time',
      'image type',
      'acquisition',
    ] as const) {
      const frames = range(8).map((k) => frame(Math.floor(k / 2) * 5, { phase: { [attribute]: String(k % 2) } }));
      const plans = planVolumes(frames);
      expect(plans.map(({ label }) => label)).toEqual([[`${attribute} 0`], [`${attribute} 1`]]);
      expect(plans.map((plan) => heights(plan.frames))).toEqual([
        [0, 5, 10, 15],
        [0, 5, 10, 15],
      ]);
    }
  });

  it('splits phases that lie between each other without a common position', () => {
    const frames = range(8).map((k) => frame(k * 2.5, { phase: { 'temporal position': String(k % 2) } }));
    expect(planVolumes(frames).map((plan) => heights(plan.frames))).toEqual([
      [0, 5, 10, 15],
      [2.5, 7.5, 12.5, 17.5],
    ]);
  });

  it('splits by two attributes where one does not suffice', () => {
    const frames = range(12).map((k) =>
      frame(Math.floor(k / 4) * 5, { phase: { echo: String(k % 2), 'b-value': String(Math.floor(k / 2) % 2) } }),
    );
    expect(planVolumes(frames).map(({ label }) => label.join(', '))).toEqual([
      'echo 0, b-value 0',
      'echo 0, b-value 1',
      'echo 1, b-value 0',
      'echo 1, b-value 1',
    ]);
  });

  it('keeps one volume together when an attribute only changes along it', () => {
    const stacks = range(6).map((k) => frame(k * 5, { phase: { stack: k < 3 ? '1' : '2' } }));
    const [joined, ...others] = planVolumes(stacks);
    expect(others).toEqual([]);
    expect(codes(joined)).toEqual(['stacks-joined']);
    // two-dimensional MR acquires odd and even slices in two passes
    const interleaved = range(6).map((k) =>
      frame(k * 5, { phase: { acquisition: String(k % 2), 'acquisition time': String(k) } }),
    );
    expect(planVolumes(interleaved)).toHaveLength(1);
  });

  it('tells volumes apart by instance number only where it shows whole volumes, with a warning', () => {
    const byVolume = range(8).map((k) => frame((k % 4) * 5, { instance: { instanceNumber: k } }));
    const plans = planVolumes(byVolume);
    expect(plans.map((plan) => plan.frames.map(({ header: { instanceNumber } }) => instanceNumber))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
    expect(codes(plans[0])).toEqual(['order-from-instance-number']);
    const scrambled = [0, 6, 2, 4, 1, 3, 7, 5].map((number, k) =>
      frame((k % 4) * 5, { instance: { instanceNumber: number } }),
    );
    expect(codes(planVolumes(scrambled)[0])).toEqual(['repeated-positions']);
    const unnumbered = range(8).map((k) => frame((k % 4) * 5, { instance: { instanceNumber: undefined } }));
    expect(codes(planVolumes(unnumbered)[0])).toEqual(['repeated-positions']);
  });

  it('reads many times at one place as a clip in order of time', () => {
    const frames = [30, 10, 20].map((time) => frame(7, { phase: { 'trigger time': String(time) } }));
    const [plan] = planVolumes(frames);
    expect(plan.kind).toBe('cine');
    expect(plan.frames.map(({ phase }) => phase['trigger time'])).toEqual(['10', '20', '30']);
    expect(codes(plan)).toEqual(['frames-in-time']);
  });

  it('separates orientations, and refuses parallel images of several sizes or frames of reference', () => {
    const sagittal = { row: [0, 1, 0], column: [0, 0, -1] } as const;
    const mixed = planVolumes([...range(5).map((k) => frame(k)), frame(9, { orientation: sagittal })]);
    expect(mixed.map(({ frames }) => frames.length)).toEqual([5, 1]);
    expect(mixed.every((plan) => codes(plan).includes('mixed-orientations'))).toBe(true);
    const small = { ...header({ number: 0 }).format, rows: 7 };
    const sizes = planVolumes([...range(3).map((k) => frame(k)), frame(3, { instance: { format: small } })]);
    expect(sizes.every((plan) => codes(plan).includes('mixed-sizes'))).toBe(true);
    const spaces = planVolumes(range(4).map((k) => frame(k, { instance: { frameOfReferenceUid: `1.${k % 2}` } })));
    expect(spaces.every((plan) => codes(plan).includes('several-frames-of-reference'))).toBe(true);
  });

  it('leaves localizers out, and refuses mosaics, missing geometry and unusable orientations', () => {
    const scout = frame(50, { imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] });
    const [plan] = planVolumes([scout, ...range(3).map((k) => frame(k))]);
    expect(heights(plan.frames)).toEqual([0, 1, 2]);
    expect(codes(plan)).toEqual(['localizer-excluded']);
    expect(codes(planVolumes([scout])[0])).toContain('localizer');
    expect(codes(planVolumes([frame(0, { imageType: ['ORIGINAL', 'PRIMARY', 'M', 'MOSAIC'] })])[0])).toEqual([
      'mosaic',
    ]);
    expect(codes(planVolumes([frame(0, { position: undefined })])[0])).toEqual(['no-geometry']);
    expect(codes(planVolumes([frame(0, { pixelSpacing: undefined })])[0])).toEqual(['no-pixel-spacing']);
    const row: Vector3 = [1, 0, 0];
    for (const column of [
      [0.6, 0.8, 0],
      [0, 2, 0],
      [0, 0, 0],
      [1, 0, 0],
    ] as Vector3[]) {
      expect(codes(planVolumes([frame(0, { orientation: { row, column } })])[0])).toContain('bad-orientation');
    }
  });

  it('takes pictures without a place in space one by one, clips whole', () => {
    const clip = { modality: 'US', numberOfFrames: 3 };
    const shared = header({ number: 500, ...clip });
    const nowhere = { position: undefined, orientation: undefined, pixelSpacing: undefined };
    const frames = range(3).map((k) => frame(0, { ...nowhere, header: shared, frameNumber: k + 1 }));
    const still = frame(0, { ...nowhere, instance: { modality: 'US' } });
    const plans = planVolumes([...frames, still]);
    expect(plans.map((plan) => plan.frames.length)).toEqual([3, 1]);
    expect(plans.every(({ kind }) => kind === 'cine')).toBe(true);
  });
});
