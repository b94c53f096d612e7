/** What this plug-in uses of the host's Cornerstone3D: the same in versions 4 and 5 unless a member is optional. */
export type Point2 = [number, number];
export type Point3 = [number, number, number];

export interface Camera {
  readonly viewPlaneNormal: Point3;
  readonly viewUp: Point3;
  readonly focalPoint: Point3;
}

/** `stack`: images one by one; `orthographic`: reformats of a volume; `volume3d`: the volume or surfaces in space */
export type ViewportType = 'stack' | 'orthographic' | 'volume3d' | (string & {});

export interface ViewReference {
  readonly FrameOfReferenceUID?: string;
  readonly referencedImageId?: string;
  readonly viewPlaneNormal?: Point3;
  readonly viewUp?: Point3;
  readonly cameraFocalPoint?: Point3;
}

export interface HostViewport {
  readonly id: string;
  readonly type: ViewportType;
  readonly element: HTMLDivElement;
  render(): void;
  getCamera(): Camera;
  worldToCanvas(world: Point3): Point2;
  canvasToWorld(canvas: Point2): Point3;
  getFrameOfReferenceUID(): string;
  getViewReference(): ViewReference | undefined;
  getCurrentImageId(): string | undefined;
  getImageIds(): string[];
  getProperties(): { readonly voiRange?: { readonly lower: number; readonly upper: number } };
  /** volume viewports only */
  jumpToWorld?(world: Point3): boolean;
  addActors?(actors: readonly ActorEntry[]): void;
  getActors(): readonly ActorEntry[];
}

export interface ActorEntry {
  readonly uid: string;
  readonly actor: unknown;
  /** of what draws a segmentation: begins with the segmentation's id */
  readonly representationUID?: string;
}

export interface EnabledElement {
  readonly viewport: HostViewport;
}

export interface VoxelManager {
  getScalarData(): Uint8Array | Uint16Array | Int16Array | Float32Array;
  setAtIndex(index: number, value: number): void;
}

export interface CachedImage {
  readonly imageId: string;
  readonly rows: number;
  readonly columns: number;
  readonly referencedImageId?: string;
  readonly voxelManager: VoxelManager;
  readonly preScale?: { readonly scalingParameters?: { readonly suvbw?: number } };
}

export interface SurfaceData {
  readonly id: string;
  readonly points: Float32Array;
  /** per cell: count of vertices, vertices */
  readonly polys: Uint32Array;
  readonly frameOfReferenceUID: string;
  readonly color: Point3;
  readonly segmentIndex: number;
}

export interface HostSurface {
  points: Float32Array;
  polys: Uint32Array;
}

export interface HostGeometry {
  readonly data: HostSurface;
}

export interface CornerstoneCore {
  readonly eventTarget: EventTarget;
  readonly Enums: { readonly Events: Readonly<Record<string, string>> };
  readonly metaData: { get(module: string, imageId: string): unknown };
  readonly cache: {
    getImage(imageId: string): CachedImage | undefined;
    getVolume(volumeId: string): { readonly imageIds?: readonly string[] } | undefined;
    getGeometry(geometryId: string): HostGeometry | undefined;
    removeGeometryLoadObject(geometryId: string): void;
  };
  readonly imageLoader: { loadAndCacheImage(imageId: string): Promise<CachedImage> };
  readonly geometryLoader: {
    createAndCacheGeometry(
      id: string,
      options: { readonly type: 'SURFACE'; readonly geometryData: SurfaceData },
    ): HostGeometry | Promise<HostGeometry>;
  };
  readonly utilities: {
    jumpToSlice(element: HTMLDivElement, options: { readonly imageIndex: number }): Promise<void> | void;
    windowLevel: {
      toWindowLevel(lower: number, upper: number): { readonly windowWidth: number; readonly windowCenter: number };
    };
  };
  getEnabledElement(element: HTMLElement): EnabledElement | undefined;
  getRenderingEngines(): readonly { getViewports(): readonly HostViewport[] }[] | undefined;
}
