/** What this plug-in uses of OHIF's managers and services: the same in 3.11 to 3.13 unless a member is optional. */
import type { HostViewport } from './cornerstone.js';
import type { CornerstoneCore } from './cornerstone.js';
import type { CornerstoneTools, HostSegmentation, RepresentationType } from './tools.js';

export interface Subscription {
  unsubscribe(): void;
}

export interface Publisher {
  readonly EVENTS: Readonly<Record<string, string>>;
  subscribe(event: string, listener: (detail: unknown) => void): Subscription;
}

/** One DICOM instance, naturalised; a multi-frame one holds all its frames. */
export interface HostInstance {
  readonly SOPInstanceUID: string;
  readonly SOPClassUID?: string;
  readonly NumberOfFrames?: number | string;
  readonly Modality?: string;
  readonly ImagePositionPatient?: readonly number[];
  readonly ImageOrientationPatient?: readonly number[];
  readonly PerFrameFunctionalGroupsSequence?: unknown;
  readonly imageId?: string;
}

export interface HostDisplaySet {
  readonly displaySetInstanceUID: string;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly SOPInstanceUID?: string;
  readonly SOPClassUID?: string;
  readonly Modality: string;
  readonly SeriesDescription?: string;
  readonly imageIds?: readonly string[];
  readonly images?: readonly HostInstance[];
  readonly instances?: readonly HostInstance[];
  readonly instance?: HostInstance;
  readonly isOverlayDisplaySet?: boolean;
  readonly madeInClient?: boolean;
  readonly referencedDisplaySetInstanceUID?: string;
  readonly referencedSeriesInstanceUID?: string;
  readonly isLoaded?: boolean;
  load?(options: { readonly headers?: Readonly<Record<string, string>> }): Promise<unknown>;
}

export interface GridViewport {
  readonly displaySetInstanceUIDs?: readonly string[];
}

export interface ViewportGridService extends Publisher {
  getActiveViewportId(): string | null | undefined;
  getState(): { readonly viewports: ReadonlyMap<string, GridViewport> };
}

export interface DisplaySetService extends Publisher {
  getActiveDisplaySets(): readonly HostDisplaySet[];
  getDisplaySetByUID(uid: string): HostDisplaySet | undefined;
  makeDisplaySets(
    instances: readonly object[],
    options?: { readonly madeInClient?: boolean },
  ): readonly HostDisplaySet[] | undefined;
}

export interface CornerstoneViewportService extends Publisher {
  getCornerstoneViewport(id: string): HostViewport | null | undefined;
}

export interface ToolGroup {
  hasTool(name: string): boolean;
  getActivePrimaryMouseButtonTool(): string | undefined;
  getViewportIds?(): readonly string[];
}

export interface ToolGroupService extends Publisher {
  getToolGroupIds(): readonly string[];
  getToolGroup(id: string): ToolGroup | undefined;
  getToolGroupForViewport(viewportId: string): ToolGroup | undefined;
  addToolsToToolGroup(id: string, tools: { readonly passive: readonly { readonly toolName: string }[] }): void;
}

export interface SegmentationService extends Publisher {
  createLabelmapForDisplaySet(
    displaySet: HostDisplaySet,
    options: {
      readonly segmentationId: string;
      readonly label: string;
      readonly segments: Readonly<Record<number, object>>;
    },
  ): Promise<string>;
  addSegmentationRepresentation(
    viewportId: string,
    options: {
      readonly segmentationId: string;
      readonly type?: RepresentationType;
      /** table of colours to use; default: the one that the host remembers, or a new one */
      readonly config?: { readonly colorLUTOrIndex: number };
    },
  ): Promise<void>;
  addSegment(
    segmentationId: string,
    options: { readonly segmentIndex: number; readonly label: string; readonly isLocked?: boolean },
  ): void;
  setSegmentColor(
    viewportId: string,
    segmentationId: string,
    segment: number,
    colour: readonly [number, number, number, number],
  ): void;
  setSegmentLabel(segmentationId: string, segment: number, label: string): void;
  getSegmentation(id: string): HostSegmentation | undefined;
  remove(segmentationId: string): void;
}

export interface ToolbarButton {
  readonly id: string;
  readonly uiType: string;
  readonly props: object;
}

export interface ToolbarService extends Publisher {
  register(buttons: readonly ToolbarButton[], replace?: boolean): void;
  updateSection(section: string, ids: readonly string[]): void;
  refreshToolbarState(options: { readonly viewportId: string | null | undefined }): void;
  readonly sections?: { readonly primary?: string };
  readonly state: { readonly buttonSections: Readonly<Record<string, readonly string[] | undefined>> };
}

export interface HotkeyBinding {
  readonly commandName: string;
  readonly commandOptions?: object;
  readonly context?: string;
  readonly label: string;
  readonly keys: readonly string[];
  readonly isEditable?: boolean;
}

export interface CustomizationService {
  getCustomization(id: string): unknown;
  setCustomizations(customizations: Readonly<Record<string, object>>): void;
}

export interface PanelService extends Publisher {
  activatePanel(id: string, force?: boolean): void;
}

export interface HostServices {
  readonly viewportGridService: ViewportGridService;
  readonly displaySetService: DisplaySetService;
  readonly cornerstoneViewportService: CornerstoneViewportService;
  readonly toolGroupService: ToolGroupService;
  readonly segmentationService: SegmentationService;
  readonly toolbarService: ToolbarService;
  readonly customizationService: CustomizationService;
  readonly panelService: PanelService;
  readonly uiNotificationService: {
    show(message: {
      readonly title: string;
      readonly message: string;
      readonly type: 'info' | 'warning' | 'error';
      readonly duration?: number;
    }): void;
  };
  readonly userAuthenticationService: {
    getAuthorizationHeader(): { readonly Authorization?: string } | undefined | null;
  };
}

export interface DataSource {
  readonly retrieve: {
    readonly series: {
      metadata(query: {
        readonly StudyInstanceUID: string;
        readonly filters?: object;
        readonly returnPromises?: boolean;
      }): Promise<unknown>;
    };
  };
  getConfig?(): { readonly wadoRoot?: string };
}

export interface ExtensionManager {
  getModuleEntry(id: string): { readonly exports?: Partial<CommonUtilities> } | undefined;
  getActiveDataSource(): readonly DataSource[];
}

export interface CommonUtilities {
  getCornerstoneLibraries(): { readonly cornerstone: CornerstoneCore; readonly cornerstoneTools: CornerstoneTools };
}

export interface CommandsManager {
  runCommand(name: string, options?: object, context?: string): unknown;
}

/** What OHIF hands to an extension at registration and to hooks of extensions and modes. */
export interface HostContext {
  readonly servicesManager: { readonly services: HostServices };
  readonly commandsManager: CommandsManager;
  readonly extensionManager: ExtensionManager;
  readonly configuration?: unknown;
}
