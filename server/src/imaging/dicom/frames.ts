import type { Vector3 } from '../geometry.js';
import { item, items, number, numbers, storedTexts, text, texts, type DicomDataset } from './dataset.js';
import { readRescale, type InstanceHeader, type Rescale } from './header.js';

/** Attributes that tell apart several images of the same place; values as text, absent when not stated. */
export type PhaseAttribute =
  | 'stack'
  | 'temporal position'
  | 'echo'
  | 'echo time'
  | 'b-value'
  | 'gradient direction'
  | 'cardiac phase'
  | 'trigger time'
  | 'frame reference time'
  | 'image component'
  | 'image type'
  | 'convolution kernel'
  | 'acquisition'
  | 'acquisition time';

/** One image: a single-frame instance, or one frame of a multi-frame instance. */
export interface FrameDescriptor {
  readonly header: InstanceHeader;
  /** 1-based */
  readonly frameNumber: number;
  /** ImagePositionPatient: centre of the first pixel, LPS mm */
  readonly position?: Vector3;
  /** the same as stored (DS text) */
  readonly positionText?: readonly [string, string, string];
  /** unit vectors of increasing column index and increasing row index (ImageOrientationPatient), as stored */
  readonly orientation?: { readonly row: Vector3; readonly column: Vector3 };
  /** PixelSpacing: mm between rows, mm between columns (PS3.3 10.7.1.3) */
  readonly pixelSpacing?: readonly [number, number];
  readonly sliceThickness?: number;
  readonly rescale?: Rescale;
  readonly imageType: readonly string[];
  readonly phase: Readonly<Partial<Record<PhaseAttribute, string>>>;
}

/**
 * The frames of one instance with their geometry: from the functional groups of multi-frame objects (shared first,
 * then per frame; PS3.3 C.7.6.16), else from the attributes of the instance.
 */
export function framesOf(dataset: DicomDataset, header: InstanceHeader): FrameDescriptor[] {
  const shared = item(dataset, '52009229') ?? {};
  const perFrame = items(dataset, '52009230');
  const enhanced = perFrame.length > 0 || Object.keys(shared).length > 0;
  return Array.from({ length: header.numberOfFrames }, (_, index) =>
    enhanced
      ? enhancedFrame(dataset, shared, perFrame[index] ?? {}, header, index + 1)
      : classicFrame(dataset, header, index + 1),
  );
}

function classicFrame(dataset: DicomDataset, header: InstanceHeader, frameNumber: number): FrameDescriptor {
  // position and orientation of a classic instance describe its only image; a clip of frames has none of its own
  const geometry = header.numberOfFrames === 1 ? readGeometry(dataset, dataset, dataset) : {};
  return {
    header,
    frameNumber,
    ...geometry,
    rescale: readRescale(dataset),
    imageType: header.imageType,
    phase: dropAbsent({
      'temporal position': text(dataset, '00200100'),
      echo: text(dataset, '00180086'),
      'echo time': text(dataset, '00180081'),
      // 0019,100C: where Siemens scanners keep it in classic objects
      'b-value': text(dataset, '00189087') ?? text(dataset, '0019100C'),
      'gradient direction': join(dataset, '00189089') ?? join(dataset, '0019100E'),
      'cardiac phase': text(dataset, '00209241'),
      'trigger time': text(dataset, '00181060'),
      'frame reference time': text(dataset, '00541300'),
      'image component': text(dataset, '00089208'),
      'image type': header.imageType.join('\\') || undefined,
      'convolution kernel': text(dataset, '00181210'),
      acquisition: text(dataset, '00200012'),
      'acquisition time': text(dataset, '0008002A') ?? text(dataset, '00080032'),
    }),
  };
}

function enhancedFrame(
  dataset: DicomDataset,
  shared: DicomDataset,
  own: DicomDataset,
  header: InstanceHeader,
  frameNumber: number,
): FrameDescriptor {
  const macro = (tag: string): DicomDataset => item(own, tag) ?? item(shared, tag) ?? {};
  const content = macro('00209111');
  const transformation = macro('00289145');
  const diffusion = macro('00189117');
  const frameType = ['00189226', '00189329', '00189751', '00189807', '00540301']
    .map((tag) => texts(macro(tag), '00089007'))
    .find((values) => values.length > 0);
  const imageType = frameType ?? header.imageType;
  return {
    header,
    frameNumber,
    ...readGeometry(macro('00209113'), macro('00209116'), macro('00289110')),
    rescale: readRescale(transformation) ?? readRescale(dataset),
    imageType,
    phase: dropAbsent({
      stack: text(content, '00209056'),
      'temporal position': text(content, '00209128') ?? text(macro('00189310'), '00209310'),
      'echo time': text(macro('00189114'), '00189082'),
      'b-value': text(diffusion, '00189087'),
      'gradient direction': join(item(diffusion, '00189076') ?? {}, '00189089'),
      'cardiac phase': text(macro('00189118'), '00209241'),
      'trigger time': text(macro('00189118'), '00209153'),
      'image component': text(macro('00189226'), '00089208'),
      'image type': imageType.join('\\') || undefined,
      'convolution kernel': text(macro('00189314'), '00181210'),
      acquisition: text(content, '00209156'),
      'acquisition time': text(content, '00189074'),
    }),
  };
}

/** Position, orientation and spacing from the datasets (or functional group items) that hold them. */
function readGeometry(
  positions: DicomDataset,
  orientations: DicomDataset,
  measures: DicomDataset,
): Pick<FrameDescriptor, 'position' | 'positionText' | 'orientation' | 'pixelSpacing' | 'sliceThickness'> {
  const position = numbers(positions, '00200032');
  const orientation = numbers(orientations, '00200037');
  const spacing = numbers(measures, '00280030');
  const stored = storedTexts(positions, '00200032');
  return {
    ...(position?.length === 3 ? { position: position as [number, number, number] } : {}),
    ...(position?.length === 3 && stored.length === 3 ? { positionText: stored as [string, string, string] } : {}),
    ...(orientation?.length === 6
      ? {
          orientation: {
            row: orientation.slice(0, 3) as [number, number, number],
            column: orientation.slice(3) as [number, number, number],
          },
        }
      : {}),
    ...(spacing?.length === 2 && spacing.every((value) => value > 0)
      ? { pixelSpacing: spacing as [number, number] }
      : {}),
    sliceThickness: number(measures, '00180050'),
  };
}

const join = (dataset: DicomDataset, tag: string): string | undefined => texts(dataset, tag).join(' ') || undefined;

function dropAbsent(phase: Partial<Record<PhaseAttribute, string | undefined>>): FrameDescriptor['phase'] {
  return Object.fromEntries(Object.entries(phase).filter(([, value]) => value !== undefined));
}
