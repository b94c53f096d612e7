import type { FrameDescriptor, PhaseAttribute } from './frames.js';

/** A frame and its place along the normal of its stack, mm. */
export interface PlacedFrame {
  readonly frame: FrameDescriptor;
  readonly distance: number;
}

/** Frames that belong to one volume, and what tells them apart from the others of the series. */
export interface Phase {
  /** e.g. `temporal position 2`; empty when the series needed no split */
  readonly label: readonly string[];
  readonly frames: readonly PlacedFrame[];
}

/**
 * Attributes in the order they are tried.
 * `defining`: another value means another volume whenever the volumes share a range of space, even if no position
 * repeats; the others only count when they explain repeated positions for whole volumes, because scanners also change
 * them from slice to slice within one volume.
 */
const ATTRIBUTES: readonly { name: PhaseAttribute; defining: boolean }[] = [
  { name: 'temporal position', defining: true },
  { name: 'stack', defining: true },
  { name: 'echo', defining: true },
  { name: 'b-value', defining: true },
  { name: 'gradient direction', defining: false },
  { name: 'cardiac phase', defining: true },
  { name: 'image component', defining: true },
  { name: 'echo time', defining: false },
  { name: 'frame reference time', defining: false },
  { name: 'trigger time', defining: false },
  { name: 'image type', defining: false },
  { name: 'convolution kernel', defining: false },
  { name: 'acquisition', defining: false },
  { name: 'acquisition time', defining: false },
];

/**
 * Splits parallel frames into volumes where a stated attribute tells that they belong to different ones (time points,
 * echoes, b-values, reconstructions ...). Positions that still repeat afterwards are left to the caller.
 *
 * @param frames parallel frames of one size
 * @param tolerance two positions closer than this (mm) are the same
 */
export function splitPhases(frames: readonly PlacedFrame[], tolerance: number, label: readonly string[] = []): Phase[] {
  const repeats = multiplicity(frames, tolerance);
  for (const { name, defining } of ATTRIBUTES) {
    const groups = groupBy(frames, name);
    if (groups.length < 2) continue;
    const parts = groups.map((group) => group.frames);
    const reduces = Math.max(...parts.map((part) => multiplicity(part, tolerance))) < repeats;
    const apart = defining && repeats === 1 && parts.some((part) => part.length > 1) && overlap(parts, tolerance);
    if (!apart && !(reduces && (defining || coverPositions(frames, parts, tolerance)))) continue;
    return groups.flatMap((group) => splitPhases(group.frames, tolerance, [...label, `${name} ${group.value}`]));
  }
  return [{ label, frames }];
}

/** Distinct positions along the normal, ascending, each with its frames. */
export function positionsOf(frames: readonly PlacedFrame[], tolerance: number): PlacedFrame[][] {
  const sorted = [...frames].sort((a, b) => a.distance - b.distance);
  const positions: PlacedFrame[][] = [];
  for (const placed of sorted) {
    const last = positions.at(-1);
    if (last && placed.distance - last[0].distance <= tolerance) last.push(placed);
    else positions.push([placed]);
  }
  return positions;
}

/** Largest number of frames at one position. */
const multiplicity = (frames: readonly PlacedFrame[], tolerance: number): number =>
  Math.max(0, ...positionsOf(frames, tolerance).map((position) => position.length));

function groupBy(frames: readonly PlacedFrame[], name: PhaseAttribute): { value: string; frames: PlacedFrame[] }[] {
  const groups = new Map<string, PlacedFrame[]>();
  for (const placed of frames) {
    const value = placed.frame.phase[name] ?? 'not stated';
    groups.set(value, [...(groups.get(value) ?? []), placed]);
  }
  return [...groups]
    .map(([value, group]) => ({ value, frames: group }))
    .sort((a, b) => a.value.localeCompare(b.value, 'en', { numeric: true }));
}

/** Whether any two parts share a range of positions; parts that only follow each other are one volume. */
function overlap(parts: readonly (readonly PlacedFrame[])[], tolerance: number): boolean {
  const ranges = parts
    .map((part) => part.map((placed) => placed.distance))
    .map((distances) => [Math.min(...distances), Math.max(...distances)] as const)
    .sort((a, b) => a[0] - b[0]);
  return ranges.some((range, index) => index > 0 && range[0] <= ranges[index - 1][1] + tolerance);
}

/** Whether all parts but one (an acquisition that was cut short) hold at least half of all positions. */
function coverPositions(
  frames: readonly PlacedFrame[],
  parts: readonly (readonly PlacedFrame[])[],
  tolerance: number,
): boolean {
  const all = positionsOf(frames, tolerance).length;
  return (
    parts.filter((part) => positionsOf(part, tolerance).length * 2 < all).length <= 1 &&
    parts.length <= frames.length / 2
  );
}

/**
 * Volumes told apart by nothing but InstanceNumber: every position occurs equally often, and the instances run either
 * volume by volume or position by position. Then the n-th instance of each position makes the n-th volume.
 *
 * @returns `undefined` when the numbers do not show such an order
 */
export function splitByInstanceNumber(positions: readonly (readonly PlacedFrame[])[]): Phase[] | undefined {
  const volumes = positions[0].length;
  if (volumes < 2 || positions.some((position) => position.length !== volumes)) return undefined;
  const order = (placed: PlacedFrame): number =>
    placed.frame.header.numberOfFrames > 1 ? placed.frame.frameNumber : (placed.frame.header.instanceNumber ?? NaN);
  const ranked = positions.map((position) => [...position].sort((a, b) => order(a) - order(b)));
  const numbers = ranked.flat().map(order);
  if (numbers.some((value) => !Number.isFinite(value)) || new Set(numbers).size !== numbers.length) return undefined;
  const range = (group: readonly PlacedFrame[]): [number, number] => [
    Math.min(...group.map(order)),
    Math.max(...group.map(order)),
  ];
  const follow = (groups: readonly (readonly PlacedFrame[])[]): boolean =>
    groups
      .map(range)
      .sort((a, b) => a[0] - b[0])
      .every(([low], index, ranges) => index === 0 || low > ranges[index - 1][1]);
  const phases = Array.from({ length: volumes }, (_, index) => ranked.map((position) => position[index]));
  if (!follow(phases) && !follow(ranked)) return undefined;
  return phases.map((frames, index) => ({ label: [`volume ${index + 1} by instance number`], frames }));
}
