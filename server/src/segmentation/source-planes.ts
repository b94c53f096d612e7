import { UserError } from '@medsam2/models';
import { cross, dot, normalise, type Vector3 } from '../imaging/geometry.js';
import type { DicomDataset } from '../imaging/dicom/index.js';
import { item, items, number, storedTexts, text } from '../imaging/dicom/dataset.js';
import { decimalString, keepDecimal } from './text-values.js';
import type { SegSource } from './types.js';

/** Where a slice lies, in the digits of the source. */
export interface SlicePlane {
  /** ImagePositionPatient, 3 values */
  readonly position: readonly string[];
  /** ImageOrientationPatient, 6 values */
  readonly orientation: readonly string[];
  /** PixelSpacing: between rows, between columns */
  readonly pixelSpacing: readonly string[];
  readonly sliceThickness: string;
}

/** What the images themselves state. */
type StatedPlane = Omit<SlicePlane, 'sliceThickness'> & { readonly sliceThickness?: string };

/** How the slices of a volume lie in space: in a frame of reference, or not at all (then pixel corresponds to pixel). */
export interface SourceSpace {
  readonly frameOfReferenceUid: string;
  /** PositionReferenceIndicator, empty when not known */
  readonly positionReference: string;
  /** one per slice of the volume */
  readonly planes: readonly SlicePlane[];
  /** SpacingBetweenSlices in mm along the normal, where it is the same between all slices */
  readonly uniformSpacing?: number;
  /** images state no thickness of their slices; the grid's distance stands in for it */
  readonly thicknessFromGrid: boolean;
}

/** Attributes of the instance that a slice was read from. */
export function attributesOf(source: SegSource, slice: number): DicomDataset {
  const dataset = source.attributes.get(source.sliceSources[slice].sopInstanceUid);
  if (dataset) return dataset;
  throw new UserError(
    'source-incomplete',
    `The attributes of the image of slice ${slice} are not at hand, so no segmentation can refer to it.`,
    'Load the series again.',
  );
}

/**
 * @returns `undefined` when the source states no Frame of Reference, or not for every slice a position, an orientation
 *   and a pixel spacing: the three belong together (PS3.3 section A.51.5.1)
 */
export function spaceOf(source: SegSource): SourceSpace | undefined {
  const frameOfReferenceUid = text(attributesOf(source, 0), '00200052');
  if (frameOfReferenceUid === undefined) return undefined;
  const planes: StatedPlane[] = [];
  const groupsOf = functionalGroupReader();
  for (let slice = 0; slice < source.sliceSources.length; slice++) {
    const plane = planeOf(source, slice, groupsOf);
    if (!plane) return undefined;
    planes.push(plane);
  }
  const spacing = source.kind === 'stack' ? uniformSpacing(planes) : undefined;
  // type 1C of Pixel Measures in segmentations, so it cannot be left out
  const thickness = decimalString(spacing ?? source.geometry.spacing[2]);
  return {
    frameOfReferenceUid,
    positionReference: text(attributesOf(source, 0), '00201040') ?? '',
    planes: planes.map((plane) => ({ sliceThickness: thickness, ...plane })),
    uniformSpacing: spacing,
    thicknessFromGrid: planes.some(({ sliceThickness }) => sliceThickness === undefined),
  };
}

function planeOf(source: SegSource, slice: number, groupsOf: GroupReader): StatedPlane | undefined {
  const { imagePosition, frameNumber } = source.sliceSources[slice];
  const dataset = attributesOf(source, slice);
  const places = placesOf(dataset, groupsOf(dataset), frameNumber);
  if (!places) return undefined;
  const position = imagePosition ?? storedTexts(places.position, '00200032');
  const orientation = storedTexts(places.orientation, '00200037');
  const pixelSpacing = storedTexts(places.measures, '00280030');
  const areNumbers = [...position, ...orientation, ...pixelSpacing].every(
    (value) => value !== '' && Number.isFinite(Number(value)),
  );
  if (position.length !== 3 || orientation.length !== 6 || pixelSpacing.length !== 2 || !areNumbers) return undefined;
  const thickness = storedTexts(places.measures, '00180050')[0];
  return {
    position: position.map(keepDecimal),
    orientation: orientation.map(keepDecimal),
    pixelSpacing: pixelSpacing.map(keepDecimal),
    // a thickness of 0 or less, or one that is no number, says nothing
    ...(Number(thickness) > 0 ? { sliceThickness: keepDecimal(thickness) } : {}),
  };
}

interface Groups {
  readonly shared?: DicomDataset;
  readonly perFrame: readonly DicomDataset[];
}
type GroupReader = (dataset: DicomDataset) => Groups;

/** Functional groups of a dataset, looked up once: a multi-frame source has as many frames as the volume slices. */
function functionalGroupReader(): GroupReader {
  const known = new Map<DicomDataset, Groups>();
  return (dataset) => {
    const groups = known.get(dataset) ?? { shared: item(dataset, '52009229'), perFrame: items(dataset, '52009230') };
    known.set(dataset, groups);
    return groups;
  };
}

/** The datasets that hold position, orientation and spacing of a frame: functional groups, or the instance itself. */
function placesOf(
  dataset: DicomDataset,
  { shared, perFrame }: Groups,
  frameNumber: number | undefined,
): { position: DicomDataset; orientation: DicomDataset; measures: DicomDataset } | undefined {
  if (shared === undefined && perFrame.length === 0) {
    // what a classic instance of several frames states holds for none of them
    const single = (number(dataset, '00280008') ?? 1) <= 1;
    return single ? { position: dataset, orientation: dataset, measures: dataset } : undefined;
  }
  const own = perFrame[(frameNumber ?? 1) - 1] as DicomDataset | undefined;
  const macro = (tag: string): DicomDataset => (own && item(own, tag)) ?? (shared && item(shared, tag)) ?? {};
  return { position: macro('00209113'), orientation: macro('00209116'), measures: macro('00289110') };
}

/** Part of the slice distance by which distances may differ and still count as one: more than rounding is said. */
const UNIFORM = 1e-3;

function uniformSpacing(planes: readonly Pick<SlicePlane, 'position' | 'orientation'>[]): number | undefined {
  if (planes.length < 2) return undefined;
  const vector = (values: readonly string[]): Vector3 => values.map(Number) as unknown as Vector3;
  const normal = normalise(cross(vector(planes[0].orientation.slice(0, 3)), vector(planes[0].orientation.slice(3))));
  if (!normal) return undefined;
  const distances = planes.map(({ position }) => dot(vector(position), normal));
  const mean = Math.abs(distances[distances.length - 1] - distances[0]) / (planes.length - 1);
  const steps = distances.slice(1).map((distance, index) => Math.abs(distance - distances[index]));
  return mean > 0 && steps.every((step) => Math.abs(step - mean) <= UNIFORM * mean) ? mean : undefined;
}
