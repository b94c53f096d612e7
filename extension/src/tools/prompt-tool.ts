/**
 * The drawing tools, as classes of the host's tool machinery. Own interaction instead of its ROI tools: those measure,
 * write text, make entries among OHIF's measurements, and change between versions.
 */
import { newUuid } from '../client/uuid.js';
import type { PromptTool } from '../contract/viewer.js';
import type { CornerstoneCore, EnabledElement, HostViewport, Point2, Point3 } from '../host/types/cornerstone.js';
import type {
  Annotation,
  AnnotationToolInstance,
  CornerstoneTools,
  InteractionEvent,
  PromptToolMethods,
  SvgDrawingHelper,
} from '../host/types/tools.js';
import { drawPrompt } from './draw-prompt.js';
import { toolNames } from './names.js';
import { addQuietly, isPromptAnnotation, type PromptAnnotation } from './prompt-annotation.js';
import { boxShape, distanceToOutline, lassoShape, pointShape, scribbleShape, type PromptShape } from './shapes.js';

/** Who is told of drawings; changes when the mode is entered again, while the classes stay for the page's life. */
export interface PromptSink {
  /** colour of the segment that a new prompt is for */
  colour(): readonly [number, number, number];
  begun(annotation: PromptAnnotation): void;
  /** @param isNew false: an existing prompt was moved */
  finished(annotation: PromptAnnotation, viewport: HostViewport, isNew: boolean): void;
  /** @param tooSmall a click where a drag was needed; otherwise the user gave up */
  abandoned(annotation: PromptAnnotation, tooSmall: boolean): void;
}

const shapes: Readonly<Record<PromptTool, readonly [PromptShape, 0 | 1]>> = {
  box: [boxShape, 1],
  point: [pointShape, 1],
  pointNegative: [pointShape, 0],
  scribble: [scribbleShape, 1],
  lasso: [lassoShape, 1],
  eraser: [scribbleShape, 0],
};

interface Edit {
  readonly annotation: PromptAnnotation;
  readonly viewport: HostViewport;
  readonly isNew: boolean;
  readonly handle: number | undefined;
  hasMoved: boolean;
}

/** @returns a class for the host's `addTool`; needs `sink` while a drawing goes on */
export function promptToolClass(
  tool: PromptTool,
  core: CornerstoneCore,
  tools: CornerstoneTools,
  sink: () => PromptSink | undefined,
): new (props: object) => AnnotationToolInstance & PromptToolMethods {
  const [shape, label] = shapes[tool];
  const name = toolNames[tool];
  const { Events } = tools.Enums;
  const { state, selection } = tools.annotation;
  const endEvents = [Events.MOUSE_UP, Events.MOUSE_CLICK, Events.TOUCH_END, Events.TOUCH_TAP];
  const dragEvents = [Events.MOUSE_DRAG, Events.TOUCH_DRAG];

  return class MedSAM2PromptTool extends tools.AnnotationTool implements PromptToolMethods {
    static readonly toolName = name;
    private edit: Edit | undefined;

    constructor(props: object) {
      super(props, { supportedInteractionTypes: ['Mouse', 'Touch'], configuration: {} });
    }

    readonly addNewAnnotation = (event: InteractionEvent): Annotation => {
      const { element, currentPoints } = event.detail;
      const viewport = viewportOf(element);
      const annotation: PromptAnnotation = {
        annotationUID: newUuid(),
        metadata: { ...viewport.getViewReference(), toolName: name },
        data: {
          handles: { points: shape.begin(currentPoints.world), activeHandleIndex: null },
          prompt: { colour: sink()?.colour() ?? [255, 255, 255], pending: true, labels: [label] },
        },
        highlighted: true,
        invalidated: false,
        isLocked: false,
        isVisible: true,
      };
      sink()?.begun(annotation);
      addQuietly(tools, annotation, element);
      this.begin({ annotation, viewport, isNew: true, handle: undefined, hasMoved: false });
      event.preventDefault();
      return annotation;
    };

    readonly handleSelectedCallback = (event: InteractionEvent, annotation: Annotation, handle: Point3): void => {
      const index = annotation.data.handles.points.indexOf(handle);
      this.select(event, annotation, index < 0 ? undefined : index);
    };

    readonly toolSelectedCallback = (event: InteractionEvent, annotation: Annotation): void =>
      this.select(event, annotation, undefined);

    readonly isPointNearTool = (
      element: HTMLDivElement,
      annotation: Annotation,
      canvas: Point2,
      proximity: number,
    ): boolean => {
      const viewport = viewportOf(element);
      const outline = shape.outline(annotation.data.handles.points.map((point) => viewport.worldToCanvas(point)));
      return distanceToOutline(outline, canvas, shape.isClosed) <= proximity;
    };

    readonly getHandleNearImagePoint = (
      element: HTMLDivElement,
      annotation: Annotation,
      canvas: Point2,
      proximity: number,
    ): Point3 | undefined => {
      const { handles } = annotation.data;
      const viewport = viewportOf(element);
      const index = shape.hasHandles
        ? handles.points.findIndex((point) => {
            const [x, y] = viewport.worldToCanvas(point);
            return Math.hypot(x - canvas[0], y - canvas[1]) < proximity;
          })
        : -1;
      handles.activeHandleIndex = index < 0 ? null : index;
      return handles.points[index];
    };

    readonly cancel = (): string | undefined => {
      const { edit } = this;
      if (edit === undefined) return undefined;
      this.end(edit);
      if (edit.isNew) sink()?.abandoned(edit.annotation, false);
      return edit.annotation.annotationUID;
    };

    override filterInteractableAnnotationsForElement(element: HTMLDivElement, annotations: Annotation[]): Annotation[] {
      const shown = annotations.filter(({ isVisible }) => isVisible !== false);
      const viewport = viewportOf(element);
      if (viewport.type !== 'stack') return super.filterInteractableAnnotationsForElement(element, shown);
      // Exactly the image that was drawn on: frames of a clip share their place in space.
      const imageId = viewport.getCurrentImageId();
      return shown.filter(({ metadata }) => metadata.referencedImageId === imageId);
    }

    readonly renderAnnotation = ({ viewport }: EnabledElement, helper: SvgDrawingHelper): boolean => {
      const annotations = state.getAnnotations(name, viewport.element) ?? [];
      const shown = this.filterInteractableAnnotationsForElement(viewport.element, annotations);
      for (const annotation of shown) {
        if (!isPromptAnnotation(annotation) || annotation.annotationUID === undefined) continue;
        const points = annotation.data.handles.points.map((point) => viewport.worldToCanvas(point));
        const isSelected = selection.isAnnotationSelected(annotation.annotationUID);
        const isEmphasised = annotation.highlighted === true || isSelected;
        drawPrompt(tools.drawing, helper, {
          uid: annotation.annotationUID,
          points,
          outline: shape === pointShape ? undefined : shape.outline(points),
          isClosed: shape.isClosed && !(annotation === this.edit?.annotation && shape === lassoShape),
          handles: isEmphasised && shape.hasHandles ? points : [],
          isEmphasised,
          look: annotation.data.prompt,
        });
      }
      return shown.length > 0;
    };

    private select(event: InteractionEvent, annotation: Annotation, handle: number | undefined): void {
      if (!isPromptAnnotation(annotation)) return;
      annotation.highlighted = true;
      sink()?.begun(annotation);
      const viewport = viewportOf(event.detail.element);
      this.begin({ annotation, viewport, isNew: false, handle, hasMoved: false });
      event.preventDefault();
    }

    private begin(edit: Edit): void {
      this.edit = edit;
      this.isDrawing = true;
      tools.store.state.isInteractingWithTool = true;
      const { element } = edit.viewport;
      for (const name of dragEvents) element.addEventListener(name, this.onDrag);
      for (const name of endEvents) element.addEventListener(name, this.onEnd);
      this.redraw(edit);
    }

    private end({ viewport, annotation }: Edit): void {
      const { element } = viewport;
      for (const name of dragEvents) element.removeEventListener(name, this.onDrag);
      for (const name of endEvents) element.removeEventListener(name, this.onEnd);
      tools.store.state.isInteractingWithTool = false;
      this.isDrawing = false;
      this.edit = undefined;
      annotation.highlighted = false;
      annotation.data.handles.activeHandleIndex = null;
      this.redraw({ viewport });
    }

    private readonly onDrag = (event: Event): void => {
      const { edit } = this;
      if (edit === undefined) return;
      const { currentPoints, deltaPoints } = (event as InteractionEvent).detail;
      const { handles } = edit.annotation.data;
      handles.points = edit.isNew
        ? shape.extend(handles.points, currentPoints.world, edit.viewport)
        : shape.drag(handles.points, edit.handle, currentPoints.world, deltaPoints.world, edit.viewport);
      edit.hasMoved = true;
      this.redraw(edit);
    };

    private readonly onEnd = (): void => {
      const { edit } = this;
      if (edit === undefined) return;
      this.end(edit);
      const { annotation, viewport, isNew } = edit;
      if (!isNew) {
        if (edit.hasMoved) sink()?.finished(annotation, viewport, false);
      } else if (shape.isComplete(annotation.data.handles.points, viewport)) {
        if (annotation.annotationUID !== undefined) selection.setAnnotationSelected(annotation.annotationUID, true);
        sink()?.finished(annotation, viewport, true);
      } else {
        sink()?.abandoned(annotation, true);
      }
    };

    private redraw({ viewport }: Pick<Edit, 'viewport'>): void {
      tools.utilities.triggerAnnotationRenderForViewportIds([viewport.id]);
    }
  };

  function viewportOf(element: HTMLElement): HostViewport {
    const enabled = core.getEnabledElement(element);
    if (enabled === undefined) throw new Error('A drawing tool was used outside of a viewport.');
    return enabled.viewport;
  }
}
