import type { DrawnPrompt, PromptMark } from '../../contract/viewer.js';
import type { PromptAnnotation } from '../../tools/prompt-annotation.js';
import { testSeries } from '../testing/series.js';
import type { HostViewport, Point3 } from '../types/cornerstone.js';
import type { Annotation, CornerstoneTools } from '../types/tools.js';
import { PromptLayer } from './prompt-layer.js';

// Slices 3 mm apart, pixels of 2 mm from (-10, -20).
const series = testSeries({ depths: [6, 3, 0] });

/** What the layer uses of the host, which itself needs a browser with a graphics card: its list of annotations. */
function setUp() {
  const annotations: Annotation[] = [];
  const selected = new Set<string>();
  const onRemoved = { tell: (_uid: string): void => undefined };
  const tools = {
    annotation: {
      state: {
        getAllAnnotations: () => [...annotations],
        getAnnotation: (uid: string) => annotations.find(({ annotationUID }) => annotationUID === uid),
        getAnnotationManager: () => ({
          getGroupKey: () => 'frame',
          addAnnotation: (annotation: Annotation) => void annotations.push(annotation),
        }),
        removeAnnotation: (uid: string) => {
          const at = annotations.findIndex(({ annotationUID }) => annotationUID === uid);
          if (at >= 0) annotations.splice(at, 1);
          onRemoved.tell(uid);
        },
      },
      selection: {
        getAnnotationsSelected: () => [...selected],
        setAnnotationSelected: (uid: string, on = true) => void (on ? selected.add(uid) : selected.delete(uid)),
      },
    },
    utilities: { triggerAnnotationRenderForViewportIds: () => undefined },
  } as unknown as CornerstoneTools;
  const viewport = {
    id: 'left',
    type: 'stack',
    getFrameOfReferenceUID: () => '1.9',
    getCamera: () => ({ viewPlaneNormal: [0, 0, -1] }),
  } as unknown as HostViewport;
  const viewports: HostViewport[] = [viewport];
  const layer = new PromptLayer({
    core: {} as never,
    tools,
    series: () => series,
    viewports: () => viewports,
    colour: () => [1, 2, 3],
  });
  onRemoved.tell = (uid) => layer.removedByHost(uid);
  const drawn: DrawnPrompt[] = [];
  const removed: string[] = [];
  const refused: string[] = [];
  layer.onDrawn.on((prompt) => drawn.push(prompt));
  layer.onRemoved.on((uid) => removed.push(uid));
  layer.onRefused.on((text) => refused.push('key' in text ? text.key : ''));
  return { annotations, selected, tools, viewport, viewports, layer, drawn, removed, refused };
}

const mark = (id: string, over: Partial<PromptMark> = {}): PromptMark => ({
  id,
  segment: 1,
  colour: [230, 159, 0],
  drawing: { kind: 'box', place: { sopInstanceUid: '1.2.2' }, box: [5, 10, 15, 15] },
  visible: true,
  pending: false,
  ...over,
});

const square: Point3[] = [[0, 0, 3], [20, 0, 3], [0, 10, 3], [20, 10, 3]]; // prettier-ignore
const drawing = (uid: string, points = square, imageId = series.imageIds[1]): PromptAnnotation => ({
  annotationUID: uid,
  metadata: { toolName: 'MedSAM2Box', referencedImageId: imageId },
  data: {
    handles: { points: points.map((point) => [...point]), activeHandleIndex: null },
    prompt: { colour: [1, 2, 3], pending: true, labels: [1] },
  },
});

test('annotations become what the marks say: added, moved, recoloured, hidden, removed', () => {
  const { layer, annotations, drawn, removed } = setUp();
  layer.show([mark('a'), mark('b')]);
  expect(annotations.map(({ annotationUID }) => annotationUID)).toEqual(['a', 'b']);
  expect(annotations[0].data.handles.points).toEqual(square);
  expect(annotations[0].metadata).toMatchObject({ toolName: 'MedSAM2Box', referencedImageId: series.imageIds[1] });

  layer.show([
    mark('b', {
      colour: [9, 9, 9],
      visible: false,
      pending: true,
      drawing: { ...mark('b').drawing, box: [0, 0, 5, 5] } as never,
    }),
  ]);
  expect(annotations).toHaveLength(1);
  expect(annotations[0]).toMatchObject({
    annotationUID: 'b',
    isVisible: false,
    data: { prompt: { colour: [9, 9, 9], pending: true } },
  });
  expect(annotations[0].data.handles.points[0]).toEqual([-10, -20, 3]);
  expect([drawn, removed]).toEqual([[], []]);
});

test('marks wait for a viewport that shows their series', () => {
  const { layer, annotations, viewports } = setUp();
  const [viewport] = viewports.splice(0);
  layer.show([mark('a')]);
  expect(annotations).toEqual([]);
  viewports.push(viewport);
  layer.reconcile();
  expect(annotations).toHaveLength(1);
});

test('a finished drawing is told in pixels under its own identifier', () => {
  const { layer, annotations, viewport, drawn } = setUp();
  const made = drawing('new');
  layer.begun(made);
  annotations.push(made);
  layer.show([]); // meanwhile: what is in the user's hand is left alone
  expect(annotations).toHaveLength(1);
  layer.finished(made, viewport, true);
  expect(drawn).toEqual([
    { id: 'new', drawing: { kind: 'box', place: { sopInstanceUid: '1.2.2' }, box: [5, 10, 15, 15] } },
  ]);
});

test('a drawing beside the image is refused and gone; a prompt moved there goes back', () => {
  const { layer, annotations, viewport, drawn, refused } = setUp();
  const outside = square.map(([x, y, z]): Point3 => [x + 900, y, z]);
  const made = drawing('new', outside);
  layer.begun(made);
  annotations.push(made);
  layer.finished(made, viewport, true);
  expect(annotations).toEqual([]);

  layer.show([mark('a')]);
  const moved = annotations[0] as PromptAnnotation;
  layer.begun(moved);
  moved.data.handles.points = outside;
  layer.finished(moved, viewport, false);
  expect(annotations[0].data.handles.points).toEqual(square);
  expect(refused).toEqual(['viewer.outside', 'viewer.outside']);
  expect(drawn).toEqual([]);
});

test('a drawing on a viewport of another series is refused', () => {
  const { layer, annotations, viewport, refused } = setUp();
  const made = drawing('new');
  annotations.push(made);
  layer.finished(made, { ...viewport, id: 'right' }, true);
  expect(refused).toEqual(['viewer.other-series']);
});

test('a click where a drag was needed says what to do; giving up says nothing', () => {
  const { layer, annotations, refused } = setUp();
  for (const tooSmall of [true, false]) {
    const made = drawing('new');
    annotations.push(made);
    layer.abandoned(made, tooSmall);
  }
  expect(annotations).toEqual([]);
  expect(refused).toEqual(['viewer.too-small']);
});

test('removals by the user are told, own ones are not', () => {
  const { layer, tools, selected, removed } = setUp();
  layer.show([mark('a'), mark('b')]);
  tools.annotation.state.removeAnnotation('a');
  expect(removed).toEqual(['a']);
  selected.add('b');
  selected.add('a measurement of the host');
  expect(layer.removeSelected()).toBe(true);
  expect(removed).toEqual(['a', 'b']);
  layer.clear();
  expect(removed).toEqual(['a', 'b']);
});

test('a prompt of several points keeps what each says when one is moved', () => {
  const { layer, annotations, viewport, drawn } = setUp();
  layer.show([
    mark('p', {
      drawing: {
        kind: 'points',
        place: { sopInstanceUid: '1.2.2' },
        points: [{ x: 5, y: 10, label: 1 }, { x: 6, y: 12, label: 0 }], // prettier-ignore
      },
    }),
  ]);
  const shown = annotations[0] as PromptAnnotation;
  shown.data.handles.points[1] = [4, 6, 3];
  layer.finished(shown, viewport, false);
  expect(drawn[0].drawing).toMatchObject({ points: [{ x: 5, y: 10, label: 1 }, { x: 7, y: 13, label: 0 }] }); // prettier-ignore
});
