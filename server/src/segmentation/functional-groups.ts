import { codeItem, standardCodes } from './codes.js';
import { elements, type Elements } from './elements.js';
import type { FramePlan, PlannedFrame } from './frame-plan.js';
import type { SlicePlane, SourceSpace } from './source-planes.js';
import { decimalString } from './text-values.js';
import { tagOf, type Keyword } from './attributes.js';
import type { SegSource } from './types.js';

/** What tells the slices of a segmentation apart (PS3.3 section C.7.6.17). */
type SliceDimension = 'position' | 'time' | 'order';

/**
 * Slices in space differ by position. Frames of a clip differ by their order in time, whether the clip says where it
 * was taken or not. A stack without a frame of reference keeps the order of its slices.
 */
export function sliceDimension(source: SegSource, space: SourceSpace | undefined): SliceDimension {
  if (source.kind === 'cine') return 'time';
  return space ? 'position' : 'order';
}

const POINTERS: Record<SliceDimension, readonly [attribute: Keyword, group: Keyword, label: string]> = {
  position: ['ImagePositionPatient', 'PlanePositionSequence', 'Image Position Patient'],
  time: ['TemporalPositionIndex', 'FrameContentSequence', 'Temporal Position Index'],
  order: ['InStackPositionNumber', 'FrameContentSequence', 'In-Stack Position Number'],
};

/** Multi-frame Dimension module: (segment, slice), or (slice) for label maps. */
export function dimensionModule(dimension: SliceDimension, isLabelMap: boolean, organizationUid: string): Elements {
  const index = ([attribute, group, label]: readonly [Keyword, Keyword, string]): Elements =>
    elements({
      DimensionOrganizationUID: organizationUid,
      DimensionIndexPointer: tagOf(attribute),
      FunctionalGroupPointer: tagOf(group),
      DimensionDescriptionLabel: label,
    });
  const slice = index(POINTERS[dimension]);
  return elements({
    DimensionOrganizationSequence: [elements({ DimensionOrganizationUID: organizationUid })],
    DimensionIndexSequence: isLabelMap
      ? [slice]
      : [index(['ReferencedSegmentNumber', 'SegmentIdentificationSequence', 'Referenced Segment Number']), slice],
  });
}

/**
 * Shared and per-frame functional groups (PS3.3 sections C.7.6.16 and A.51.5). A group is shared when it is the same
 * for all frames, otherwise it is in every frame. The per-frame items are made while they are written.
 */
export function functionalGroups(source: SegSource, space: SourceSpace | undefined, plan: FramePlan): Elements {
  const used = space && plan.slices.map((slice) => space.planes[slice]);
  const shared: Record<string, Elements[string]> = {};
  const sharesOrientation = used !== undefined && isSame(used, ({ orientation }) => orientation);
  const sharesMeasures =
    used !== undefined && isSame(used, ({ pixelSpacing, sliceThickness }) => [...pixelSpacing, sliceThickness]);
  if (used && sharesOrientation) Object.assign(shared, orientationGroup(used[0]));
  if (used && sharesMeasures) Object.assign(shared, measuresGroup(used[0], space?.uniformSpacing));
  const own = (plane: SlicePlane): Elements => ({
    ...positionGroup(plane),
    ...(sharesOrientation ? {} : orientationGroup(plane)),
    ...(sharesMeasures ? {} : measuresGroup(plane, space?.uniformSpacing)),
  });
  const dimension = sliceDimension(source, space);
  const rank = new Map(plan.slices.map((slice, index) => [slice, index + 1]));
  function* perFrame(): Iterable<Elements> {
    for (const frame of plan.frames) {
      yield {
        ...contentGroup(frame, rank.get(frame.slice) ?? 0, dimension),
        ...(space ? own(space.planes[frame.slice]) : {}),
        ...derivationGroup(source, frame.slice),
        ...segmentGroup(frame.segment),
      };
    }
  }
  return elements({
    SharedFunctionalGroupsSequence: [shared],
    PerFrameFunctionalGroupsSequence: { [Symbol.iterator]: () => perFrame()[Symbol.iterator]() },
  });
}

/** Whether values are equal as numbers for all planes: `1` and `1.0` are. */
function isSame(planes: readonly SlicePlane[], of: (plane: SlicePlane) => readonly string[]): boolean {
  const first = of(planes[0]).map(Number);
  return planes.every((plane) => of(plane).every((value, index) => Number(value) === first[index]));
}

/** Ordinal numbers that are themselves a dimension are equal to its index (PS3.3 section C.7.6.17.2). */
function contentGroup(frame: PlannedFrame, rank: number, dimension: SliceDimension): Elements {
  return elements({
    FrameContentSequence: [
      elements({
        DimensionIndexValues: frame.segment === undefined ? [rank] : [frame.segment, rank],
        TemporalPositionIndex: dimension === 'time' ? rank : undefined,
        StackID: dimension === 'order' ? '1' : undefined,
        InStackPositionNumber: dimension === 'order' ? rank : undefined,
      }),
    ],
  });
}

const positionGroup = (plane: SlicePlane): Elements =>
  elements({ PlanePositionSequence: [elements({ ImagePositionPatient: plane.position })] });

const orientationGroup = (plane: SlicePlane): Elements =>
  elements({ PlaneOrientationSequence: [elements({ ImageOrientationPatient: plane.orientation })] });

const measuresGroup = (plane: SlicePlane, spacing: number | undefined): Elements =>
  elements({
    PixelMeasuresSequence: [
      elements({
        PixelSpacing: plane.pixelSpacing,
        SliceThickness: plane.sliceThickness,
        SpacingBetweenSlices: spacing === undefined ? undefined : decimalString(spacing),
      }),
    ],
  });

const segmentGroup = (segment: number | undefined): Elements =>
  segment === undefined
    ? {}
    : elements({ SegmentIdentificationSequence: [elements({ ReferencedSegmentNumber: segment })] });

const PURPOSE = [codeItem(standardCodes.sourceImage)];
const DERIVATION = [codeItem(standardCodes.segmentation)];

/** The source image of a frame; both codes are prescribed (PS3.3 section A.51.5.1). */
function derivationGroup(source: SegSource, slice: number): Elements {
  const { sopClassUid, sopInstanceUid, frameNumber } = source.sliceSources[slice];
  const image = elements({
    ReferencedSOPClassUID: sopClassUid,
    ReferencedSOPInstanceUID: sopInstanceUid,
    ReferencedFrameNumber: frameNumber === undefined ? undefined : String(frameNumber),
    SpatialLocationsPreserved: 'YES',
    PurposeOfReferenceCodeSequence: PURPOSE,
  });
  return elements({
    DerivationImageSequence: [elements({ DerivationCodeSequence: DERIVATION, SourceImageSequence: [image] })],
  });
}
