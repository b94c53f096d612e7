import type { ImageRef } from '../contract/index.js';

/** Which slice of the volume an image is, and back: by SOP Instance UID and frame, never by anybody's order. */
export class ImageIndex {
  private readonly slices = new Map<string, number>();
  private readonly images: readonly ImageRef[];

  /**
   * @param ofServer by slice
   * @param ofViewer the viewer's own names of the same images: it gets those back
   */
  constructor(ofServer: readonly ImageRef[], ofViewer: readonly ImageRef[]) {
    const known = new Map(ofViewer.map((image) => [keyOf(image), image]));
    this.images = ofServer.map((image) => known.get(keyOf(image)) ?? image);
    ofServer.forEach((image, slice) => this.slices.set(keyOf(image), slice));
  }

  get count(): number {
    return this.images.length;
  }

  sliceOf(image: ImageRef | undefined): number | undefined {
    return image === undefined ? undefined : this.slices.get(keyOf(image));
  }

  imageOf(slice: number): ImageRef | undefined {
    return this.images[slice];
  }
}

/** An instance of one frame may or may not be named with it. */
const keyOf = ({ sopInstanceUid, frame }: ImageRef): string => `${sopInstanceUid}/${frame ?? 1}`;
