import type { Code, SegmentTerms } from '@medsam2/protocol';
import type { DicomDataset } from '../imaging/dicom/index.js';
import type { Finding, GridGeometry, SliceSource, Volume } from '../imaging/volume.js';

/**
 * What a SEG is made from: the volume's slices and the source's own attributes.
 */
export interface SegSource {
  readonly kind: Volume['kind'];
  readonly modality?: string;
  readonly geometry: GridGeometry;
  /** one per slice of the volume */
  readonly sliceSources: readonly SliceSource[];
  readonly findings: readonly Finding[];
  /**
   * Attributes of the source's instances by SOP Instance UID, as metadata of DICOMweb or the parsed file gives them:
   * patient, study, frame of reference, PixelSpacing, ImageOrientationPatient, functional groups.
   */
  readonly attributes: ReadonlyMap<string, DicomDataset>;
}

export interface SegSegment {
  /** SegmentNumber is given by the order, 1.. */
  readonly label: string;
  readonly description?: string;
  readonly terms: SegmentTerms;
  /** [red, green, blue] sRGB */
  readonly colour: readonly [number, number, number];
  readonly trackingId: string;
  readonly trackingUid: string;
  /** MANUAL when no model took part in any of its slices */
  readonly algorithmType: 'AUTOMATIC' | 'SEMIAUTOMATIC' | 'MANUAL';
  /** what made a segment that was read and not changed since; default: the model of the provenance */
  readonly algorithm?: SegContentsSegment['algorithm'];
  /** slices of the volume with at least one pixel, ascending */
  readonly slices: readonly number[];
  /** [row][column] 0 or 1 of one of `slices` */
  mask(slice: number): Uint8Array;
}

/** How the masks were made; goes into the object, so that another person can tell and repeat it. */
export interface Provenance {
  readonly softwareName: string;
  readonly softwareVersion: string;
  readonly deviceSerialNumber: string;
  readonly model?: {
    readonly name: string;
    readonly version: string;
    readonly sha256: string;
    readonly demonstration: boolean;
    /** name and value, e.g. window, view, propagation range, kinds of prompts; no patient data */
    readonly parameters: readonly (readonly [name: string, value: string])[];
  };
  /** what ran the model, e.g. onnxruntime-node */
  readonly runtime?: { readonly name: string; readonly version: string };
  /** ContentCreatorName; empty when not known */
  readonly creator: string;
  readonly reviewed: boolean;
}

export interface SegRequest {
  readonly source: SegSource;
  readonly segments: readonly SegSegment[];
  readonly provenance: Provenance;
  readonly format: 'binary' | 'labelmap';
  readonly description: string;
  readonly seriesNumber: number;
  readonly instanceNumber: number;
  /** new ones are made when absent */
  readonly seriesInstanceUid?: string;
  readonly sopInstanceUid?: string;
  /** the segmentation that this one replaces */
  readonly replaces?: {
    readonly seriesInstanceUid: string;
    readonly sopInstanceUid: string;
    readonly sopClassUid: string;
  };
  readonly now: Date;
}

/** A written segmentation, checked. */
export interface SegObject {
  readonly bytes: Uint8Array;
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly studyInstanceUid: string;
  /** e.g. dcmqi and 3D Slicer refuse tilted stacks */
  readonly warnings: readonly string[];
}

/** What is wrong with an object; `error` must not be sent. */
export interface SegProblem {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
}

/** A segmentation that was read: frames as they lie in it, not yet matched with a volume. */
export interface SegContents {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly studyInstanceUid: string;
  readonly frameOfReferenceUid?: string;
  /** FRACTIONAL is thresholded at half of its maximum, with a finding */
  readonly segmentationType: 'BINARY' | 'FRACTIONAL' | 'LABELMAP';
  /** SeriesInstanceUIDs of ReferencedSeriesSequence: the images that it was made on */
  readonly referencedSeries: readonly string[];
  readonly rows: number;
  readonly columns: number;
  readonly segments: readonly SegContentsSegment[];
  readonly frames: readonly SegContentsFrame[];
  /** e.g. `fractional-thresholded` */
  readonly findings: readonly Finding[];
}

export interface SegContentsSegment {
  /** SegmentNumber as stored; LABELMAP may have gaps */
  readonly number: number;
  readonly label: string;
  readonly description?: string;
  /** retired SRT codes are given as SCT where the successor is known */
  readonly terms?: SegmentTerms;
  /** [red, green, blue] sRGB */
  readonly colour?: readonly [number, number, number];
  readonly trackingId?: string;
  readonly trackingUid?: string;
  readonly algorithmType?: string;
  readonly algorithm?: { readonly name: string; readonly version?: string; readonly family?: Code };
}

export interface SegContentsFrame {
  readonly segment: number;
  /** ImagePositionPatient as stored, when there is one */
  readonly position?: readonly [number, number, number];
  /** ImageOrientationPatient: cosines of the row, then of the column */
  readonly orientation?: readonly [number, number, number, number, number, number];
  /** PixelSpacing: between rows, between columns, mm */
  readonly pixelSpacing?: readonly [number, number];
  /** the image that it was made on, when exactly one is named */
  readonly source?: { readonly sopInstanceUid: string; readonly frameNumber?: number };
  /** [row][column] 0 or 1, a new array at every call (fractional: at half of the maximum) */
  mask(): Uint8Array;
  /** whether no pixel is set; cheaper than asking for the mask */
  isEmpty(): boolean;
}
