/** OHIF as the controller sees it: the composition of what lies in this folder. */
import type { Text } from '../contract/text.js';
import type {
  EditedSlice,
  ImageRef,
  PromptMark,
  SegmentMark,
  SeriesTarget,
  SliceMask,
  StoredSegmentation,
  Tool,
  ViewerPort,
} from '../contract/viewer.js';
import { translator } from '../i18n/translate.js';
import type { PromptSink } from '../tools/prompt-tool.js';
import { Clips } from './clips.js';
import { Emitter } from './emitter.js';
import { Labelmaps } from './labelmaps/labelmaps.js';
import { drawThinOutlines } from './labelmaps/outline.js';
import { pageClock } from './labelmaps/schedule.js';
import { hostLanguage } from './language.js';
import type { Host } from './libraries.js';
import { PromptLayer } from './prompts/prompt-layer.js';
import type { Series } from './series.js';
import { openStored, storedIn } from './stored.js';
import { Strokes } from './strokes.js';
import { Surfaces } from './surfaces/surfaces.js';
import { Subscriptions } from './subscriptions.js';
import { ToolChoice } from './tool-choice.js';
import { Viewports } from './viewports.js';
import { windowOf } from './window.js';

export interface OhifViewer {
  readonly port: ViewerPort;
  /** told of drawings by the tools */
  readonly sink: PromptSink;
  /** @returns whether a prompt was selected */
  removeSelectedPrompt(): boolean;
  close(): void;
}

/** Colour of new prompts before there is a segment. */
const noColour = [255, 214, 0] as const;
/** Milliseconds until the host has settled after a change of viewports. */
const settleTime = 150;
/** Milliseconds until reformats have made their volumes, and what is not drawn then is made to be. */
const lookTime = 600;
/** How often it is looked until everything is drawn. */
const mostLooks = 20;

/** To be made when a mode is entered and closed when it is left. */
export function openOhifViewer(host: Host, page: Window): OhifViewer {
  const { core, tools, services } = host;
  const subscriptions = new Subscriptions();
  const viewports = new Viewports(host);
  const choice = new ToolChoice(host);
  const clips = new Clips(viewports);
  const failed = (error: unknown) => {
    if (isClosed) return;
    const detail = error instanceof Error ? error.message : String(error);
    announce({ key: 'viewer.no-masks', values: { detail } }, 'warning');
  };
  const surfaces = new Surfaces({
    host,
    clock: pageClock,
    spacesOf: (series) => viewports.spacesOf(series),
    slicesOf: (series) => viewports.slicesOf(series),
    failed,
  });
  const shown = (series: Series): readonly number[] =>
    viewports
      .slicesOf(series)
      .map((viewport) => viewports.indexIn(viewport, series))
      .filter((index) => index !== undefined);
  const labelmaps = new Labelmaps({
    host,
    clock: pageClock,
    viewportsOf: (series) => viewports.slicesOf(series),
    shown,
    showsAll: (series) => viewports.slicesOf(series).some(({ type }) => type !== 'stack'),
    layerMade: (layer) => surfaces.prepare(layer),
  });
  const targetChanged = new Emitter();
  const positionChanged = new Emitter();
  const toolChanged = new Emitter();
  let segments: readonly SegmentMark[] = [];
  let isClosed = false;

  const activeSeries = (): Series | undefined => {
    const active = viewports.active();
    return 'reason' in active ? undefined : active;
  };
  const prompts = new PromptLayer({
    core,
    tools,
    series: activeSeries,
    viewports: () => {
      const series = activeSeries();
      return series === undefined ? [] : viewports.slicesOf(series);
    },
    colour: () => segments.find(({ active }) => active)?.colour ?? noColour,
  });

  const announce = (text: Text, severity: 'info' | 'warning' | 'error') => {
    const message = translator(hostLanguage(page))(text);
    services.uiNotificationService.show({ title: 'MedSAM2', message, type: severity, duration: 6000 });
  };
  subscriptions.add(drawThinOutlines(tools));
  labelmaps.onFailed.on(failed);
  labelmaps.onMasks.on((entry, changed) => surfaces.changed(entry, changed));

  const strokes = new Strokes(labelmaps, shown, page);
  const refreshMasks = () => {
    for (const entry of labelmaps.all()) {
      surfaces.refresh(entry);
      void labelmaps.refresh(entry).catch(failed);
    }
  };
  const settled = debounced(settleTime, () => {
    if (isClosed) return;
    prompts.reconcile();
    refreshMasks();
    clips.tidy(allViewports());
    targetChanged.emit();
    positionChanged.emit();
  });
  let looks = 0;
  const looked = debounced(lookTime, () => {
    if (isClosed) return;
    labelmaps.redraw();
    refreshMasks();
    if (labelmaps.drawMissing() && ++looks < mostLooks) looked.soon();
  });
  const look = () => {
    looks = 0;
    looked.soon();
  };
  const allViewports = () => (core.getRenderingEngines() ?? []).flatMap((engine) => [...engine.getViewports()]);

  const { Events } = core.Enums;
  const toolEvents = tools.Enums.Events;
  subscriptions.toService(services.viewportGridService, ['GRID_STATE_CHANGED'], settled.soon);
  subscriptions.toService(services.viewportGridService, ['ACTIVE_VIEWPORT_ID_CHANGED'], () => {
    // At once: the press that changed it may begin a drawing.
    targetChanged.emit();
    settled.soon();
  });
  subscriptions.toService(services.cornerstoneViewportService, ['VIEWPORT_DATA_CHANGED'], () => {
    settled.soon();
    look();
  });
  subscriptions.toTarget(core.eventTarget, Events.IMAGE_VOLUME_LOADING_COMPLETED, look);
  subscriptions.toTarget(page.document, Events.VOLUME_VIEWPORT_NEW_VOLUME, look, true);
  for (const event of [Events.STACK_NEW_IMAGE, Events.VOLUME_NEW_IMAGE, Events.CAMERA_MODIFIED]) {
    subscriptions.toTarget(page.document, event, () => positionChanged.emit(), true);
  }
  subscriptions.toTarget(page.document, Events.IMAGE_RENDERED, ({ target }) => clips.drawn(target), true);
  subscriptions.toTarget(core.eventTarget, toolEvents.TOOL_ACTIVATED, () => toolChanged.emit());
  subscriptions.toTarget(core.eventTarget, toolEvents.ANNOTATION_REMOVED, (event) => {
    const uid = (event as CustomEvent<{ annotation?: { annotationUID?: string } }>).detail.annotation?.annotationUID;
    if (uid !== undefined) prompts.removedByHost(uid);
  });
  subscriptions.toTarget(core.eventTarget, toolEvents.SEGMENTATION_REPRESENTATION_MODIFIED, (event) => {
    const { segmentationId } = (event as CustomEvent<{ segmentationId: string }>).detail;
    if (isLayer(segmentationId)) surfaces.representationAdded(segmentationId);
  });
  subscriptions.toTarget(core.eventTarget, toolEvents.SEGMENTATION_DATA_MODIFIED, (event) => {
    const told = event as CustomEvent<{ segmentationId: string }>;
    const { segmentationId } = told.detail;
    strokes.changed(segmentationId);
    if (isLayer(segmentationId)) surfaces.dataModified(told);
  });

  const seriesOf = (target: SeriesTarget): Series | undefined => viewports.seriesOf(target.displaySetId);

  const port: ViewerPort = {
    target() {
      const active = viewports.active();
      return 'reason' in active ? active : active.target;
    },
    onTargetChange: targetChanged.on,

    position() {
      const series = activeSeries();
      const viewport = viewports.activeViewport();
      if (series === undefined || viewport === undefined) return undefined;
      const index = viewports.indexIn(viewport, series);
      return index === undefined ? undefined : series.target.images[index];
    },
    onPositionChange: positionChanged.on,
    jumpTo(image: ImageRef) {
      const series = activeSeries();
      if (series === undefined) return;
      void viewports.jumpTo(series, image).catch(failed);
    },

    window() {
      const series = activeSeries();
      const viewport = viewports.activeViewport();
      return series === undefined || viewport === undefined ? undefined : windowOf(viewport, series, core);
    },

    setTool(tool: Tool | undefined) {
      const isBrush = tool === 'brush' || tool === 'brushEraser';
      const refusal: Text | undefined =
        isBrush && activeSeries()?.target.kind === 'cine' ? { key: 'viewer.no-brush-cine' } : choice.choose(tool);
      if (refusal !== undefined) announce(refusal, 'warning');
      toolChanged.emit();
    },
    tool: () => choice.current(),
    onToolChange: toolChanged.on,

    showPrompts: (marks: readonly PromptMark[]) => prompts.show(marks),
    onPromptDrawn: prompts.onDrawn.on,
    onPromptRemoved: prompts.onRemoved.on,
    onDrawingRefused: prompts.onRefused.on,

    async showSegments(target: SeriesTarget, marks: readonly SegmentMark[]) {
      segments = marks;
      const series = seriesOf(target);
      if (series === undefined || isClosed) return;
      if (target.kind === 'cine') clips.show(series, marks);
      else {
        const entry = await labelmaps.show(series, marks).catch(failed);
        if (entry !== undefined && !isClosed) surfaces.refresh(entry);
      }
    },
    writeSlices(target: SeriesTarget, masks: readonly SliceMask[]) {
      const series = seriesOf(target);
      if (series === undefined || isClosed) return;
      if (target.kind === 'cine') clips.write(series, masks);
      else labelmaps.write(series, masks);
    },
    clear(target: SeriesTarget) {
      labelmaps.clear(target.displaySetId);
      clips.clear(target.displaySetId);
    },
    onEdited: (listener: (edited: readonly EditedSlice[]) => void) => labelmaps.onEdited.on(listener),

    storedSegmentations(target: SeriesTarget) {
      const series = seriesOf(target);
      return series === undefined ? [] : storedIn(host, series, (id) => isLayer(id));
    },
    async openStored(target: SeriesTarget, stored: StoredSegmentation) {
      const series = seriesOf(target);
      const viewportId = services.viewportGridService.getActiveViewportId();
      if (series === undefined || viewportId === null || viewportId === undefined) return;
      await openStored(host, series, stored, viewportId);
      // The host makes it the active one, where its brush would paint.
      settled.soon();
    },

    authorization: () => services.userAuthenticationService.getAuthorizationHeader()?.Authorization,
    announce,
    language: () => hostLanguage(page),
  };

  const isLayer = (id: string) => labelmaps.all().some(({ masks }) => masks.layers.some((layer) => layer.id === id));

  return {
    port,
    sink: prompts,
    removeSelectedPrompt: () => prompts.removeSelected(),
    close() {
      isClosed = true;
      subscriptions.close();
      settled.cancel();
      looked.cancel();
      strokes.close();
      prompts.clear();
      surfaces.close();
      labelmaps.close();
      clips.close();
      for (const emitter of [targetChanged, positionChanged, toolChanged]) emitter.clear();
    },
  };
}

function debounced(wait: number, work: () => void): { readonly soon: () => void; readonly cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    soon() {
      clearTimeout(timer);
      timer = setTimeout(work, wait);
    },
    cancel: () => clearTimeout(timer),
  };
}
