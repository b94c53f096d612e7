/** Boxes and points drawn by keys alone, over the active viewport; what is drawn goes the way of the mouse's drawings. */
import { newUuid } from '../../client/uuid.js';
import type { Text } from '../../contract/text.js';
import type { Tool, ViewerPort } from '../../contract/viewer.js';
import type { Host } from '../../host/libraries.js';
import { drawingOf } from '../../host/prompts/drawing-of.js';
import type { Series } from '../../host/series.js';
import type { HostViewport, Point2, Point3 } from '../../host/types/cornerstone.js';
import { Viewports } from '../../host/viewports.js';
import type { Translate } from '../../i18n/translate.js';
import { toolNames } from '../names.js';
import { addQuietly, type PromptAnnotation } from '../prompt-annotation.js';
import type { PromptSink } from '../prompt-tool.js';
import { boxShape, pointShape } from '../shapes.js';
import { firstCursor, steered, type Cursor, type Extent } from './cursor.js';
import { openMarker, type Marker } from './marker.js';
import { placeText } from './place-text.js';

const keyboardTools = ['box', 'point', 'pointNegative'] as const;
export type KeyboardTool = (typeof keyboardTools)[number];
const isKeyboardTool = (tool: Tool | undefined): tool is KeyboardTool => keyboardTools.some((each) => each === tool);

export interface KeyboardDrawingParts {
  readonly host: Host;
  readonly port: ViewerPort;
  readonly sink: PromptSink;
  /** of the host's interface, now */
  readonly text: () => Translate;
  readonly page: Document;
}

interface Open {
  readonly tool: KeyboardTool;
  readonly series: Series;
  readonly viewport: HostViewport;
  readonly marker: Marker;
  /** had the focus before */
  readonly before: HTMLElement | undefined;
  readonly unsubscribe: () => void;
  cursor: Cursor;
}

export class KeyboardDrawing {
  private readonly viewports: Viewports;
  private open: Open | undefined;

  constructor(private readonly parts: KeyboardDrawingParts) {
    this.viewports = new Viewports(parts.host);
  }

  /** Shows the cursor of the chosen tool in the active viewport, that of the box where none is chosen; or says why not. */
  begin(): void {
    this.end(true);
    const { port, sink, text, page } = this.parts;
    const series = this.viewports.active();
    const viewport = this.viewports.activeViewport();
    if ('reason' in series) return port.announce(series.reason, 'info');
    if (viewport === undefined || !this.viewports.slicesOf(series).some(({ id }) => id === viewport.id)) {
      return port.announce({ key: 'keyboard.no-plane' }, 'info');
    }
    if (port.tool() === undefined) port.setTool('box');
    const tool = port.tool();
    if (!isKeyboardTool(tool)) return port.announce({ key: 'keyboard.other-tool' }, 'info');

    const before = focused(page);
    const isBox = tool === 'box';
    const marker = openMarker(viewport.element, `rgb(${sink.colour().join(', ')})`, {
      name: text()({ key: `viewer.tool.${tool}` }),
      keys: text()({ key: isBox ? 'keyboard.keys.box' : 'keyboard.keys.point' }),
    });
    const cursor = firstCursor(isBox, extentOf(viewport));
    const unsubscribe = port.onToolChange(() => {
      if (port.tool() !== tool) this.end(true);
    });
    this.open = { tool, series, viewport, marker, before, unsubscribe, cursor };
    marker.element.addEventListener('keydown', (event) => this.pressed(event));
    // Keys that steer were not meant for the host's hotkeys when they come up again, either.
    marker.element.addEventListener('keyup', (event) => event.stopPropagation());
    marker.element.addEventListener('focusout', () => this.end(false));
    this.show();
  }

  /** The mode is left. */
  close(): void {
    this.end(false);
  }

  private pressed(event: KeyboardEvent): void {
    const { open } = this;
    if (open === undefined) return;
    const { viewport, series } = open;
    const cursor = steered(open.cursor, event, pixelSize(viewport, series), extentOf(viewport));
    if (cursor !== undefined) open.cursor = cursor;
    else if (event.key === 'Enter') this.finish(open);
    else if (event.key === 'Escape') this.end(true);
    else if (event.key === 'PageUp') this.step(open, -1);
    else if (event.key === 'PageDown') this.step(open, 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.show();
  }

  /** To the next image in the host's order; the cursor stays where it is on the screen. */
  private step({ series, viewport }: Open, by: 1 | -1): void {
    const index = this.viewports.indexIn(viewport, series);
    const image = index === undefined ? undefined : series.target.images[index + by];
    if (image !== undefined) this.parts.port.jumpTo(image);
  }

  private finish(open: Open): void {
    const { host, sink } = this.parts;
    const { tool, viewport } = open;
    const annotation: PromptAnnotation = {
      annotationUID: newUuid(),
      metadata: { ...viewport.getViewReference(), toolName: toolNames[tool] },
      data: {
        handles: { points: pointsOf(open), activeHandleIndex: null },
        prompt: { colour: sink.colour(), pending: true, labels: [tool === 'pointNegative' ? 0 : 1] },
      },
      highlighted: false,
      invalidated: false,
      isLocked: false,
      isVisible: true,
    };
    this.end(true);
    sink.begun(annotation);
    addQuietly(host.tools, annotation, viewport.element);
    if (annotation.annotationUID !== undefined) {
      host.tools.annotation.selection.setAnnotationSelected(annotation.annotationUID, true);
    }
    sink.finished(annotation, viewport, true);
  }

  private show(): void {
    const { open } = this;
    if (open === undefined) return;
    const { tool, series, viewport, marker, cursor } = open;
    const imageId = viewport.type === 'stack' ? viewport.getCurrentImageId() : undefined;
    const { viewPlaneNormal } = viewport.getCamera();
    const drawing = drawingOf({ tool, points: pointsOf(open), viewPlaneNormal, imageId }, series);
    const text: Text = 'reason' in drawing ? drawing.reason : placeText(drawing);
    marker.show(cursor, this.parts.text()(text));
  }

  private end(refocus: boolean): void {
    const { open } = this;
    if (open === undefined) return;
    // First: taking the layer away takes the focus from it.
    this.open = undefined;
    open.unsubscribe();
    open.marker.remove();
    if (refocus) open.before?.focus({ preventScroll: true });
  }
}

/** World, LPS mm; of a box its corners as the mouse's boxes have them. */
function pointsOf({ cursor, viewport }: Pick<Open, 'cursor' | 'viewport'>): Point3[] {
  const { left, top, width, height } = cursor;
  const from = viewport.canvasToWorld([left, top]);
  if (width === 0 && height === 0) return pointShape.begin(from);
  return boxShape.extend(boxShape.begin(from), viewport.canvasToWorld([left + width, top + height]), viewport);
}

const extentOf = ({ element }: HostViewport): Extent => ({ width: element.clientWidth, height: element.clientHeight });

/** CSS pixels of the viewport that the smaller side of an image's pixel has; never so few that keys seem dead. */
function pixelSize(viewport: HostViewport, { planes }: Series): number {
  const [a, b] = ([[0, 0], [1, 0]] satisfies Point2[]).map((at) => viewport.canvasToWorld(at)); // prettier-ignore
  const millimetres = Math.hypot(b[0] - a[0], b[1] - a[1], b[2] - a[2]);
  const { rowSpacing, columnSpacing } = planes[0];
  return millimetres > 0 ? Math.max(0.25, Math.min(rowSpacing, columnSpacing) / millimetres) : 1;
}

/** The element with the focus, inside of shadow trees, too; undefined: none has it. */
function focused(page: Document): HTMLElement | undefined {
  let element = page.activeElement;
  for (let inner = element?.shadowRoot?.activeElement; inner !== null && inner !== undefined;) {
    element = inner;
    inner = inner.shadowRoot?.activeElement;
  }
  return element instanceof HTMLElement && element !== page.body ? element : undefined;
}
