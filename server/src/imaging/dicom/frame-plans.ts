import type { Finding } from '../volume.js';
import { finding, type FindingCode } from './findings.js';
import type { FrameDescriptor } from './frames.js';
import { planOf, type VolumePlan } from './plan.js';

/** Modalities whose images are slices of the patient: without a place in space they are damaged, not a clip. */
const TOMOGRAPHIC = new Set(['CT', 'MR', 'PT', 'NM', 'BTO', 'OPT', 'IVOCT']);

/**
 * Plans for images without a (complete) place in space: every clip and every single picture on its own, in pixels.
 * Slices of a tomographic modality make one plan that is rejected, and can be opened as frames on purpose.
 */
export function framePlans(frames: readonly FrameDescriptor[]): VolumePlan[] {
  const slices = frames.filter(isSlice);
  const pictures = frames.filter((frame) => !isSlice(frame));
  const instances = [...new Set(pictures.map((frame) => frame.header))];
  return [
    ...sizesOf(slices).map((sameSize) => misplacedPlan(sameSize)),
    ...instances.map((header, index) => {
      const label = instances.length > 1 ? [`instance ${header.instanceNumber ?? index + 1}`] : [];
      const own = pictures.filter((frame) => frame.header === header);
      return clipPlan(
        own,
        label,
        finding('no-place-in-space', 'The images state no place in the patient; sizes are in pixels.'),
      );
    }),
  ];
}

/** A sequence of images in the order given, on the grid of pixels. */
export function clipPlan(
  frames: readonly FrameDescriptor[],
  label: readonly string[],
  ...found: Finding[]
): VolumePlan {
  return { ...planOf(frames, 'cine', label), findings: found };
}

const isSlice = ({ header }: FrameDescriptor): boolean =>
  TOMOGRAPHIC.has(header.modality) && header.format.samplesPerPixel === 1;

function sizesOf(frames: readonly FrameDescriptor[]): FrameDescriptor[][] {
  const bySize = new Map<string, FrameDescriptor[]>();
  for (const frame of frames) {
    const key = `${frame.header.format.columns}x${frame.header.format.rows}`;
    bySize.set(key, [...(bySize.get(key) ?? []), frame]);
  }
  return [...bySize.values()];
}

function misplacedPlan(frames: readonly FrameDescriptor[]): VolumePlan {
  const onlySpacing = frames.every((frame) => frame.position && frame.orientation && !frame.pixelSpacing);
  const code: FindingCode = onlySpacing ? 'no-pixel-spacing' : 'no-geometry';
  const message = onlySpacing
    ? 'The slices state no Pixel Spacing, so no distance within them is known.'
    : 'The slices state no position or no orientation in the patient, so their order and distances are unknown.';
  const byNumber = [...frames].sort(
    (a, b) => (a.header.instanceNumber ?? 0) - (b.header.instanceNumber ?? 0) || a.frameNumber - b.frameNumber,
  );
  return clipPlan(byNumber, [], finding(code, message));
}
