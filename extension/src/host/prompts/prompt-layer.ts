/** Keeps the host's annotations what the marks say, and turns what the user does to them into news. */
import type { Drawing } from '@medsam2/protocol';
import type { Text } from '../../contract/text.js';
import { promptTools, type DrawnPrompt, type PromptMark, type PromptTool } from '../../contract/viewer.js';
import { toolNames, toolOfName } from '../../tools/names.js';
import { addQuietly, isPromptAnnotation, type PromptAnnotation } from '../../tools/prompt-annotation.js';
import type { PromptSink } from '../../tools/prompt-tool.js';
import { Emitter } from '../emitter.js';
import type { Series } from '../series.js';
import type { CornerstoneCore, HostViewport } from '../types/cornerstone.js';
import type { CornerstoneTools } from '../types/tools.js';
import { drawingOf, placedOf } from './drawing-of.js';

export interface PromptLayerParts {
  readonly core: CornerstoneCore;
  readonly tools: CornerstoneTools;
  /** the series that is worked on */
  series(): Series | undefined;
  /** viewports that show it, without those in space */
  viewports(): readonly HostViewport[];
  /** of the segment that a new prompt is for */
  colour(): readonly [number, number, number];
}

export class PromptLayer implements PromptSink {
  readonly onDrawn = new Emitter<[DrawnPrompt]>();
  readonly onRemoved = new Emitter<[string]>();
  readonly onRefused = new Emitter<[Text]>();
  private marks: readonly PromptMark[] = [];
  /** being drawn or moved: not touched meanwhile */
  private inHand: PromptAnnotation | undefined;
  /** what the annotation was made from, to leave alone what did not change */
  private readonly shown = new Map<string, PromptMark>();
  private isOurs = false;

  constructor(private readonly parts: PromptLayerParts) {}

  show(marks: readonly PromptMark[]): void {
    this.marks = marks;
    this.reconcile();
  }

  /** Again, after viewports or the series changed. */
  reconcile(): void {
    const { tools } = this.parts;
    const series = this.parts.series();
    const viewports = this.parts.viewports();
    const wanted = new Map(this.marks.map((mark) => [mark.id, mark]));
    this.asOurs(() => {
      for (const uid of this.present()) {
        if (!wanted.has(uid) && uid !== this.inHand?.annotationUID) this.remove(uid);
      }
      if (series === undefined || viewports.length === 0) return;
      for (const mark of wanted.values()) {
        if (mark.id !== this.inHand?.annotationUID) this.place(mark, series, viewports[0]);
      }
    });
    tools.utilities.triggerAnnotationRenderForViewportIds(viewports.map(({ id }) => id));
  }

  /** All annotations of this plug-in go, without being reported. */
  clear(): void {
    this.marks = [];
    this.asOurs(() => {
      for (const uid of this.present()) this.remove(uid);
    });
  }

  /** The user asks to remove what is selected. @returns whether anything of ours was */
  removeSelected(): boolean {
    const { state, selection } = this.parts.tools.annotation;
    const selected = selection.getAnnotationsSelected().filter((uid) => {
      const annotation = state.getAnnotation(uid);
      return annotation !== undefined && isPromptAnnotation(annotation);
    });
    for (const uid of selected) this.onRemoved.emit(uid);
    return selected.length > 0;
  }

  /** The host says that an annotation is gone; it was not us: somebody used the host's own ways. */
  removedByHost(uid: string): void {
    if (this.isOurs || !this.shown.delete(uid)) return;
    this.onRemoved.emit(uid);
  }

  readonly colour = (): readonly [number, number, number] => this.parts.colour();

  begun(annotation: PromptAnnotation): void {
    this.inHand = annotation;
  }

  abandoned(annotation: PromptAnnotation, tooSmall: boolean): void {
    this.drop(annotation);
    if (tooSmall) this.onRefused.emit({ key: 'viewer.too-small' });
  }

  finished(annotation: PromptAnnotation, viewport: HostViewport, isNew: boolean): void {
    const uid = annotation.annotationUID;
    const tool = toolOfName(annotation.metadata.toolName);
    const series = this.parts.series();
    this.inHand = undefined;
    if (uid === undefined || !isPromptTool(tool)) return;
    const drawing = this.read(annotation, tool, viewport, series);
    if ('reason' in drawing) {
      // Back to where it was, or gone when it is new.
      this.shown.delete(uid);
      if (isNew) this.drop(annotation);
      else this.reconcile();
      this.onRefused.emit(drawing.reason);
      return;
    }
    this.onDrawn.emit({ id: uid, drawing });
  }

  private read(
    annotation: PromptAnnotation,
    tool: PromptTool,
    viewport: HostViewport,
    series: Series | undefined,
  ): Drawing | { readonly reason: Text } {
    if (series === undefined) return { reason: { key: 'viewer.no-series' } };
    if (!this.parts.viewports().some(({ id }) => id === viewport.id)) return { reason: { key: 'viewer.other-series' } };
    const { points } = annotation.data.handles;
    const imageId = viewport.type === 'stack' ? annotation.metadata.referencedImageId : undefined;
    const drawing = drawingOf({ tool, points, viewPlaneNormal: viewport.getCamera().viewPlaneNormal, imageId }, series);
    if ('reason' in drawing || drawing.kind !== 'points') return drawing;
    // A prompt of several points keeps what each of them says.
    const { labels } = annotation.data.prompt;
    return {
      ...drawing,
      points: drawing.points.map((point, index) => ({ ...point, label: labels[index] ?? point.label })),
    };
  }

  private place(mark: PromptMark, series: Series, { element }: HostViewport): void {
    const { annotation: annotations } = this.parts.tools;
    const existing = annotations.state.getAnnotation(mark.id);
    if (this.shown.get(mark.id) === mark && existing !== undefined) return;
    const placed = placedOf(mark.drawing, series);
    const look = { colour: mark.colour, pending: mark.pending, labels: placed?.labels ?? [1] };
    this.shown.set(mark.id, mark);
    if (placed === undefined) return;
    if (
      existing !== undefined &&
      isPromptAnnotation(existing) &&
      existing.metadata.toolName === toolNames[placed.tool]
    ) {
      existing.data.handles.points = placed.points.map((point) => [...point]);
      existing.data.prompt = look;
      existing.isVisible = mark.visible;
      return;
    }
    if (existing !== undefined) this.remove(mark.id);
    const made: PromptAnnotation = {
      annotationUID: mark.id,
      metadata: {
        toolName: toolNames[placed.tool],
        FrameOfReferenceUID: this.parts.viewports()[0].getFrameOfReferenceUID(),
        viewPlaneNormal: placed.viewPlaneNormal,
        ...(placed.imageId === undefined ? {} : { referencedImageId: placed.imageId }),
      },
      data: {
        handles: { points: placed.points.map((point) => [...point]), activeHandleIndex: null },
        prompt: look,
      },
      highlighted: false,
      invalidated: false,
      isLocked: false,
      isVisible: mark.visible,
    };
    addQuietly(this.parts.tools, made, element);
    this.shown.set(mark.id, mark);
  }

  private drop(annotation: PromptAnnotation): void {
    this.inHand = undefined;
    const uid = annotation.annotationUID;
    if (uid !== undefined) this.asOurs(() => this.remove(uid));
    this.parts.tools.utilities.triggerAnnotationRenderForViewportIds(this.parts.viewports().map(({ id }) => id));
  }

  private remove(uid: string): void {
    this.shown.delete(uid);
    this.parts.tools.annotation.selection.setAnnotationSelected(uid, false);
    this.parts.tools.annotation.state.removeAnnotation(uid);
  }

  /** UIDs of the annotations of this plug-in that the host holds. */
  private present(): string[] {
    const { state } = this.parts.tools.annotation;
    return state
      .getAllAnnotations()
      .filter(isPromptAnnotation)
      .map(({ annotationUID }) => annotationUID)
      .filter((uid) => uid !== undefined);
  }

  private asOurs(work: () => void): void {
    this.isOurs = true;
    try {
      work();
    } finally {
      this.isOurs = false;
    }
  }
}

const isPromptTool = (tool: string | undefined): tool is PromptTool => promptTools.some((known) => known === tool);
