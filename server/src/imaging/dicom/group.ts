import { dot, norm, subtract } from '../geometry.js';
import type { Finding } from '../volume.js';
import { count, finding } from './findings.js';
import { clipPlan, framePlans } from './frame-plans.js';
import type { FrameDescriptor } from './frames.js';
import { positionsOf, splitByInstanceNumber, splitPhases, type Phase, type PlacedFrame } from './phases.js';
import { isRejected, pixelFindings, planOf, type VolumePlan } from './plan.js';
import { axesOf, samePosition, stackGeometry, type Axes, type FrameInSpace } from './stack-geometry.js';

/**
 * The owner of slice order: which frames form a volume, in which order, on which grid, and what is odd about them.
 * Pure: works on headers alone, whether they come from files or from DICOMweb metadata.
 */

/** Everything that can be segmented in these frames, by series; plans with rejecting findings included. */
export function planVolumes(frames: readonly FrameDescriptor[]): VolumePlan[] {
  return [...partition(frames, (frame) => frame.header.seriesInstanceUid).values()].flatMap(planSeries);
}

function planSeries(frames: readonly FrameDescriptor[]): VolumePlan[] {
  const { distinct, copies } = withoutRepeatedInstances(frames);
  const [mosaics, images] = divide(distinct, (frame) => frame.imageType.includes('MOSAIC'));
  const [localizers, rest] = divide(images, (frame) => frame.imageType[2] === 'LOCALIZER');
  const [placed, unplaced] = divide(rest.length > 0 ? rest : localizers, isInSpace);
  const plans = [...planPlaced(placed), ...framePlans(unplaced), ...mosaicPlans(mosaics)];
  const common: Finding[] = [];
  if (rest.length > 0 && localizers.length > 0) {
    common.push(
      finding('localizer-excluded', `${count(localizers.length, 'localizer image')} in the series left out.`),
    );
  } else if (localizers.length > 0) {
    common.push(finding('localizer', 'The series holds nothing but localizer images.'));
  }
  if (distinct.some((frame) => frame.header.sopInstanceUid === '' || frame.header.seriesInstanceUid === '')) {
    const message = 'Images carry no SOP Instance UID or no Series Instance UID, so no DICOM result can refer to them.';
    common.push(finding('missing-identifiers', message));
  }
  return plans
    .map((plan) =>
      withCopies({ ...plan, findings: [...plan.findings, ...common, ...pixelFindings(plan.frames)] }, copies),
    )
    .sort((a, b) => Number(isRejected(a)) - Number(isRejected(b)) || b.frames.length - a.frames.length);
}

const isInSpace = (frame: FrameDescriptor): frame is FrameInSpace =>
  frame.position !== undefined && frame.orientation !== undefined && frame.pixelSpacing !== undefined;

/** The same instance twice (same SOP Instance UID) is one image; it is set aside and compared when loaded. */
function withoutRepeatedInstances(frames: readonly FrameDescriptor[]): {
  distinct: FrameDescriptor[];
  copies: { frame: FrameDescriptor; of: FrameDescriptor }[];
} {
  const seen = new Map<string, FrameDescriptor>();
  const distinct: FrameDescriptor[] = [];
  const copies: { frame: FrameDescriptor; of: FrameDescriptor }[] = [];
  for (const frame of frames) {
    const uid = frame.header.sopInstanceUid;
    const key = `${uid} ${frame.frameNumber}`;
    const first = uid === '' ? undefined : seen.get(key);
    if (first) copies.push({ frame, of: first });
    else {
      seen.set(key, frame);
      distinct.push(frame);
    }
  }
  return { distinct, copies };
}

function withCopies(plan: VolumePlan, copies: readonly { frame: FrameDescriptor; of: FrameDescriptor }[]): VolumePlan {
  const own = copies
    .map(({ frame, of }) => ({ frame, slice: plan.frames.indexOf(of) }))
    .filter(({ slice }) => slice >= 0);
  if (own.length === 0) return plan;
  const message = `${count(own.length, 'image')} present more than once under the same SOP Instance UID; used once.`;
  return {
    ...plan,
    duplicates: [...plan.duplicates, ...own],
    findings: [...plan.findings, finding('duplicate-slices', message)],
  };
}

function mosaicPlans(frames: readonly FrameDescriptor[]): VolumePlan[] {
  if (frames.length === 0) return [];
  return [
    {
      ...planOf(frames, 'stack', []),
      findings: [finding('mosaic', 'Every image is a mosaic that tiles all slices of a volume.')],
    },
  ];
}

/** Frames with a place in space: parallel frames of one size and frame of reference form stacks. */
function planPlaced(frames: readonly FrameInSpace[]): VolumePlan[] {
  const oriented: { axes: Axes; frames: FrameInSpace[] }[] = [];
  const skewed: FrameInSpace[] = [];
  for (const frame of frames) {
    const axes = axesOf(frame);
    if (!axes) {
      skewed.push(frame);
      continue;
    }
    const known = oriented.find((group) => isParallel(group.axes, axes));
    if (known) known.frames.push(frame);
    else oriented.push({ axes, frames: [frame] });
  }
  const plans = oriented.flatMap(({ axes, frames: parallel }, index) => {
    const label = oriented.length > 1 ? [`orientation ${index + 1}`] : [];
    return planParallel(parallel, axes, label);
  });
  const mixed = finding(
    'mixed-orientations',
    `The series holds images in ${oriented.length} orientations; this volume is one of them.`,
  );
  return [
    ...(oriented.length > 1 ? plans.map((plan) => ({ ...plan, findings: [...plan.findings, mixed] })) : plans),
    ...(skewed.length > 0 ? [skewedPlan(skewed)] : []),
  ];
}

function skewedPlan(frames: readonly FrameInSpace[]): VolumePlan {
  const message = 'Image Orientation (Patient) does not hold two perpendicular unit vectors.';
  return { ...planOf(frames, 'stack', ['unusable orientation']), findings: [finding('bad-orientation', message)] };
}

/** 1e-3: two images of one stack differ by rounding of the cosines at most. */
const isParallel = (a: Axes, b: Axes): boolean =>
  norm(subtract(a.row, b.row)) < 1e-3 && norm(subtract(a.column, b.column)) < 1e-3;

function planParallel(frames: readonly FrameInSpace[], axes: Axes, label: readonly string[]): VolumePlan[] {
  const bySpace = [...partition(frames, (frame) => frame.header.frameOfReferenceUid ?? '')];
  return bySpace.flatMap(([, sameSpace], spaceIndex) => {
    const bySize = [...partition(sameSpace, sizeKey)];
    return bySize.flatMap(([size, sameSize]) => {
      const odd: Finding[] = [];
      const parts = [...label];
      if (bySpace.length > 1) {
        parts.push(`frame of reference ${spaceIndex + 1}`);
        const message = `Parallel images of the series lie in ${bySpace.length} frames of reference; their positions cannot be compared.`;
        odd.push(finding('several-frames-of-reference', message));
      }
      if (bySize.length > 1) {
        parts.push(size);
        const message = `Parallel images of the series differ in size, pixel spacing or colour (${bySize.map(([key]) => key).join('; ')}).`;
        odd.push(finding('mixed-sizes', message));
      }
      return planUniform(sameSize, axes, parts, odd);
    });
  });
}

function sizeKey(frame: FrameInSpace): string {
  const { columns, rows, samplesPerPixel } = frame.header.format;
  // four digits: the same scan may state 0.488281 and 0.4882812
  const spacing = frame.pixelSpacing.map((value) => Number(value.toPrecision(4))).join(' x ');
  return `${columns}x${rows} at ${spacing} mm${samplesPerPixel === 1 ? '' : ', colour'}`;
}

function planUniform(
  frames: readonly FrameInSpace[],
  axes: Axes,
  label: readonly string[],
  odd: readonly Finding[],
): VolumePlan[] {
  const tolerance = samePosition(frames[0]);
  const placed = frames.map((frame): PlacedFrame => ({ frame, distance: dot(frame.position, axes.normal) }));
  const moving = inTime(placed, tolerance);
  if (moving) {
    const found = finding(
      'frames-in-time',
      'All images show one place at different times; they are read as a clip, in pixels.',
    );
    return [clipPlan(moving, label, ...odd, found)];
  }
  const phases = splitPhases(placed, tolerance, label);
  const stacks = new Set(frames.map((frame) => frame.phase.stack));
  const joined =
    stacks.size > 1 && phases.length === 1
      ? [finding('stacks-joined', `${stacks.size} stacks that continue each other are read as one volume.`)]
      : [];
  return phases.flatMap((phase) => planPhase(phase, axes, tolerance, [...odd, ...joined]));
}

/** Many images of one place that state different times: a clip of one slice. In order of time. */
function inTime(placed: readonly PlacedFrame[], tolerance: number): FrameDescriptor[] | undefined {
  if (placed.length < 3 || positionsOf(placed, tolerance).length > 1) return undefined;
  for (const attribute of ['temporal position', 'trigger time', 'cardiac phase', 'frame reference time'] as const) {
    const times = placed.map(({ frame }) => Number(frame.phase[attribute] ?? NaN));
    if (!times.every(Number.isFinite) || new Set(times).size !== times.length) continue;
    return placed.map(({ frame }) => frame).sort((a, b) => Number(a.phase[attribute]) - Number(b.phase[attribute]));
  }
  return undefined;
}

function planPhase(phase: Phase, axes: Axes, tolerance: number, odd: readonly Finding[]): VolumePlan[] {
  const positions = positionsOf(phase.frames, tolerance);
  const repeated = positions.filter((position) => position.length > 1).length;
  if (repeated === 0) return [planStack(phase, axes, odd, [])];
  const volumes = splitByInstanceNumber(positions);
  if (volumes && positions.length > 1) {
    const message = `Every position occurs ${volumes.length} times and nothing but the instance number tells the volumes apart; check that the volume is what you expect.`;
    return volumes.map(({ label, frames }) => {
      const found = finding('order-from-instance-number', message);
      return planStack({ label: [...phase.label, ...label], frames }, axes, [...odd, found], []);
    });
  }
  if (repeated * 2 > positions.length) {
    const message = `${repeated} of ${positions.length} positions occur more than once and nothing tells the volumes apart.`;
    return [planStack(phase, axes, [...odd, finding('repeated-positions', message)], [])];
  }
  const number = ({ frame }: PlacedFrame): number => frame.header.instanceNumber ?? Infinity;
  const kept = positions.map((position) => [...position].sort((a, b) => number(a) - number(b)));
  const duplicates = kept.flatMap(([, ...others], slice) => others.map(({ frame }) => ({ frame, slice })));
  const message = `${count(duplicates.length, 'image')} at a position that another image holds already; left out, since the pixels are equal.`;
  const frames = kept.map(([first]) => first);
  return [planStack({ ...phase, frames }, axes, [...odd, finding('duplicate-slices', message)], duplicates)];
}

function planStack(
  phase: Phase,
  axes: Axes,
  odd: readonly Finding[],
  duplicates: VolumePlan['duplicates'],
): VolumePlan {
  const frames = [...phase.frames].sort((a, b) => a.distance - b.distance).map(({ frame }) => frame as FrameInSpace);
  const plan = planOf(frames, 'stack', phase.label);
  // a stack with repeated positions has no spacing; its plan only exists to be refused
  if (odd.some(({ code }) => code === 'repeated-positions')) return { ...plan, findings: odd };
  const { geometry, findings } = stackGeometry(frames, axes);
  const space: Finding[] = [];
  if (frames[0].header.frameOfReferenceUid === undefined) {
    const message = 'The series states no Frame of Reference; results cannot be related to other series.';
    space.push(finding('no-frame-of-reference', message));
  }
  return { ...plan, geometry, findings: [...odd, ...findings, ...space], duplicates };
}

function partition<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group) group.push(value);
    else groups.set(keyOf(value), [value]);
  }
  return groups;
}

function divide<T, S extends T>(values: readonly T[], test: (value: T) => value is S): [S[], Exclude<T, S>[]];
function divide<T>(values: readonly T[], test: (value: T) => boolean): [T[], T[]];
function divide<T>(values: readonly T[], test: (value: T) => boolean): [T[], T[]] {
  return [values.filter((value) => test(value)), values.filter((value) => !test(value))];
}
