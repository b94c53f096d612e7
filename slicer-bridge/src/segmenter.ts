/**
 * What the bridge asks of whatever segments: narrow on purpose, so that the bridge knows no engine and an engine no protocol.
 * Coordinates: pixel = (x = column, y = row), centres on integers; slice = index into the stack, from 0. Masks are
 * [row][column], 0 or 1.
 */

/** Display images made on demand, so that a volume is held once. */
export interface ImageStack {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  readonly channels: 1 | 3;
  /** 0..255 of one slice, [row][column] or [row][column][channel]; not to be written to */
  image(slice: number): Uint8Array;
}

export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

export interface Point {
  readonly x: number;
  readonly y: number;
  /** 1: belongs to the object; 0: does not */
  readonly label: 0 | 1;
}

export type Prompt =
  | { readonly kind: 'box'; readonly slice: number; readonly box: Box; readonly points?: readonly Point[] }
  | {
      readonly kind: 'points';
      readonly slice: number;
      readonly points: readonly Point[];
      /** the mask that the points correct */
      readonly previous?: Uint8Array;
    }
  | { readonly kind: 'mask'; readonly slice: number; readonly mask: Uint8Array };

export interface PromptedObject {
  /** 1.. */
  readonly label: number;
  readonly prompts: readonly Prompt[];
}

export interface SliceRange {
  /** inclusive, `first` <= `last` */
  readonly first: number;
  readonly last: number;
}

export interface PropagateRequest {
  readonly objects: readonly PromptedObject[];
  readonly range: SliceRange;
  /** give the prompts themselves to both directions, instead of the masks that they make (specification section 6.5) */
  readonly reprompt: boolean;
  readonly signal: AbortSignal;
}

export interface SliceMask {
  readonly label: number;
  readonly slice: number;
  readonly mask: Uint8Array;
}

/** One stack, ready to be segmented any number of times; what is computed of its slices is kept until `close`. */
export interface OpenStack {
  /** The objects on their prompted slices; no propagation. An object that is not seen has an empty mask or none. */
  preview(objects: readonly PromptedObject[], signal: AbortSignal): Promise<SliceMask[]>;
  /** The objects over the range, prompted slices included, in any order of slices, object after object. */
  propagate(request: PropagateRequest): AsyncIterable<SliceMask>;
  close(): void;
}

export interface VolumeSegmenter {
  /** the model's name, for logs and for the answer that nobody reads */
  readonly model: string;
  /** @throws UserError when the model cannot be loaded */
  open(stack: ImageStack): OpenStack | Promise<OpenStack>;
}

export interface SegmenterLibrary {
  /** Names of the models that can be used. */
  names(): Promise<readonly string[]>;
  /**
   * A model ready for use; default: the operator's choice.
   * @throws UserError when it cannot be used
   */
  get(name?: string): Promise<VolumeSegmenter>;
  /**
   * Take weights that a client uploaded, through a reader that executes nothing; absent: uploads are not allowed.
   * @param file a private file, removed afterwards
   * @returns the name under which `get` knows the model
   * @throws UserError when the file is no usable model
   */
  add?(file: string): Promise<string>;
}
