/** What this plug-in uses of the host's Cornerstone tools. */
import type { EnabledElement, Point2, Point3, ViewReference } from './cornerstone.js';

export interface Annotation {
  annotationUID?: string;
  readonly metadata: ViewReference & { readonly toolName: string };
  readonly data: { readonly handles: { points: Point3[]; activeHandleIndex: number | null } };
  highlighted?: boolean;
  invalidated?: boolean;
  isLocked?: boolean;
  isVisible?: boolean;
}

/** An event of a mouse or finger on a viewport's element. */
export interface InteractionDetail {
  readonly element: HTMLDivElement;
  readonly currentPoints: { readonly world: Point3; readonly canvas: Point2 };
  readonly deltaPoints: { readonly world: Point3 };
}
export type InteractionEvent = CustomEvent<InteractionDetail>;

/** Draws into the SVG layer of a viewport; opaque here. */
export type SvgDrawingHelper = object;

export interface LineOptions {
  readonly color: string;
  readonly width?: number;
  readonly lineWidth?: number;
  readonly lineDash?: string;
  readonly fillColor?: string;
  /** of circles */
  readonly fill?: string;
  readonly fillOpacity?: number;
  readonly closePath?: boolean;
}

export interface Drawing {
  drawPolyline(
    helper: SvgDrawingHelper,
    annotationUid: string,
    drawingUid: string,
    points: readonly Point2[],
    options: LineOptions,
  ): void;
  drawCircle(
    helper: SvgDrawingHelper,
    annotationUid: string,
    drawingUid: string,
    centre: Point2,
    radius: number,
    options: LineOptions,
  ): void;
}

export interface ToolProps {
  readonly configuration?: object;
}

/** The host's base class for tools with annotations. */
export interface AnnotationToolInstance {
  isDrawing?: boolean;
  filterInteractableAnnotationsForElement(element: HTMLDivElement, annotations: Annotation[]): Annotation[];
  getToolName(): string;
}
export type AnnotationToolClass = new (props: ToolProps, defaults: object) => AnnotationToolInstance;

export type RepresentationType = 'Labelmap' | 'Surface';

export interface LabelmapData {
  readonly imageIds?: string[];
  readonly volumeId?: string;
}

export interface HostSegmentation {
  readonly segmentationId: string;
  readonly label: string;
  readonly segments: Readonly<Record<number, { readonly label: string; readonly locked: boolean } | undefined>>;
  readonly representationData: {
    readonly Labelmap?: LabelmapData;
    /** identifiers of surfaces in the host's cache, by segment */
    Surface?: { readonly geometryIds: Map<number, string> };
  };
}

export interface Representation {
  readonly segmentationId: string;
  readonly type: RepresentationType;
  readonly active: boolean;
  readonly segments: Record<number, { visible: boolean } | undefined>;
  /** which of the host's tables its colours are in */
  readonly colorLUTIndex?: number;
}

export interface RepresentationSpecifier {
  readonly segmentationId?: string;
  readonly type?: RepresentationType;
}

type Rgba = readonly [number, number, number, number];

export interface CornerstoneTools {
  readonly AnnotationTool: AnnotationToolClass;
  readonly Enums: { readonly Events: Readonly<Record<string, string>> };
  readonly drawing: Drawing;
  readonly store: { readonly state: { isInteractingWithTool: boolean } };
  addTool(tool: object): void;
  readonly state: { readonly tools: Readonly<Record<string, unknown>> };
  readonly annotation: {
    readonly state: {
      getAnnotationManager(): {
        getGroupKey(selector: HTMLDivElement): string;
        addAnnotation(annotation: Annotation, groupKey: string): void;
      };
      getAnnotation(uid: string): Annotation | undefined;
      getAllAnnotations(): Annotation[];
      getAnnotations(toolName: string, selector: HTMLDivElement | string): Annotation[] | undefined;
      removeAnnotation(uid: string): void;
    };
    readonly selection: {
      getAnnotationsSelected(): readonly string[];
      setAnnotationSelected(uid: string, selected?: boolean, preserveSelected?: boolean): void;
      isAnnotationSelected(uid: string): boolean;
    };
  };
  readonly utilities: {
    triggerAnnotationRenderForViewportIds(viewportIds: readonly string[]): void;
  };
  readonly segmentation: {
    readonly state: {
      getSegmentation(id: string): HostSegmentation | undefined;
      getSegmentationRepresentations(
        viewportId: string,
        specifier?: RepresentationSpecifier,
      ): readonly Representation[] | undefined;
      getViewportIdsWithSegmentation(id: string): readonly string[];
    };
    readonly config: {
      readonly style: {
        getStyle(specifier: { readonly type: RepresentationType }): LabelmapStyle;
        setStyle(specifier: { readonly type: RepresentationType }, style: LabelmapStyle, merge: boolean): void;
      };
      readonly color: {
        setSegmentIndexColor(viewportId: string, segmentationId: string, segment: number, colour: Rgba): void;
        getSegmentIndexColor(viewportId: string, segmentationId: string, segment: number): Rgba | undefined;
      };
      readonly visibility: {
        setSegmentIndexVisibility(
          viewportId: string,
          specifier: RepresentationSpecifier,
          segment: number,
          visible: boolean,
        ): void;
        getSegmentIndexVisibility(
          viewportId: string,
          specifier: RepresentationSpecifier,
          segment: number,
        ): boolean | undefined;
      };
    };
    readonly activeSegmentation: {
      getActiveSegmentation(viewportId: string): HostSegmentation | undefined;
      setActiveSegmentation(viewportId: string, segmentationId: string): void;
    };
    readonly segmentIndex: {
      getActiveSegmentIndex(segmentationId: string): number | undefined;
      setActiveSegmentIndex(segmentationId: string, segment: number): void;
    };
    readonly segmentLocking: {
      isSegmentIndexLocked(segmentationId: string, segment: number): boolean;
      setSegmentIndexLocked(segmentationId: string, segment: number, locked: boolean): void;
    };
    readonly triggerSegmentationEvents: {
      triggerSegmentationDataModified(segmentationId: string, slices?: number[]): void;
      triggerSegmentationModified(segmentationId: string): void;
      triggerSegmentationRepresentationModified(
        viewportId: string,
        segmentationId: string,
        type: RepresentationType,
      ): void;
    };
    updateSegmentations(input: readonly { readonly segmentationId: string; readonly payload: object }[]): void;
    addSegmentations(input: readonly object[]): void;
    addSegmentationRepresentations(viewportId: string, input: readonly object[]): void;
    removeSegmentationRepresentations(viewportId: string, specifier: RepresentationSpecifier): void;
    removeSegmentation(id: string): void;
    /** Cornerstone 5 has it without need */
    removeSegmentationListener?(segmentationId: string, type: RepresentationType): void;
  };
}

/** The part of a labelmap's style that is changed here; pixels of the screen. */
export interface LabelmapStyle {
  readonly outlineWidth?: number;
  readonly outlineWidthInactive?: number;
}

/** A tool of this plug-in as the host's machinery sees it. */
export interface PromptToolMethods {
  addNewAnnotation(event: InteractionEvent): Annotation;
  isPointNearTool(element: HTMLDivElement, annotation: Annotation, canvas: Point2, proximity: number): boolean;
  handleSelectedCallback(event: InteractionEvent, annotation: Annotation, handle: Point3): void;
  toolSelectedCallback(event: InteractionEvent, annotation: Annotation): void;
  cancel(): string | undefined;
  renderAnnotation(enabled: EnabledElement, helper: SvgDrawingHelper): boolean;
}
