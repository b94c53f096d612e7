import { UserError } from '@medsam2/models';
import type { ImageSource } from '../engine/types.js';
import { positivePercentiles } from './percentiles.js';
import { sliceView, type Volume, type VoxelArray } from './volume.js';
import { defaultPercentiles, windowPresets, type WindowPreset, type WindowSpec } from './window-spec.js';

/**
 * Which range becomes 0..255 after clipping. `fixed`: the window's own bounds, so that a value maps to the same grey in
 * every image. `data`: smallest and largest value of the clipped image, as the research scripts do; the same thing when
 * the image reaches both bounds.
 */
export type WindowMode = 'fixed' | 'data';

/** A window that has met its image: numbers only. */
export type ResolvedWindow =
  | { readonly kind: 'none'; readonly notes: readonly string[] }
  | {
      readonly kind: 'range';
      /** intensities below and above are clipped to these */
      readonly low: number;
      readonly high: number;
      /** these become 0 and 255 */
      readonly scaleLow: number;
      readonly scaleHigh: number;
      readonly mode: WindowMode;
      /** how it was chosen, e.g. `preset abdomen` */
      readonly label: string;
      /** what a user should know about the choice, one sentence each */
      readonly notes: readonly string[];
    };

/**
 * Turns what was asked for into numbers for one volume.
 *
 * `auto`: nothing for display images; the abdomen window for CT; percentiles 0.5 and 99.5 of the voxels > 0 for everything
 * else, with a note where the modality is unknown (then an image that reaches below -500 is taken for CT).
 *
 * @throws UserError `window-on-colour`, `window-needed`, `window-no-positive-voxels`, `window-flat`
 */
export function resolveWindow(volume: Volume, spec: WindowSpec, mode: WindowMode = 'fixed'): ResolvedWindow {
  if (volume.channels === 3) return colourWindow(volume, spec);
  switch (spec.kind) {
    case 'none':
      return unwindowed(volume);
    case 'auto':
      return automaticWindow(volume, mode);
    case 'preset':
      return presetWindow(volume, spec.name, mode, displayNotes(volume));
    case 'explicit':
      return centredWindow(volume, spec, mode, 'centre and width', displayNotes(volume));
    case 'percentiles':
      return percentileWindow(volume, spec, mode, displayNotes(volume));
  }
}

/**
 * Display images of a volume, one slice at a time; the volume is not copied.
 *
 * grey = floor((clip(v, low, high) - scaleLow) / (scaleHigh - scaleLow) * 255) in double arithmetic, truncated as
 * `np.uint8` does in the research scripts. NaN and infinite voxels count as the smallest finite value. Without a window
 * and for bytes, `image` returns a view of the volume: do not write to it.
 */
export function createImageSource(volume: Volume, window: ResolvedWindow): ImageSource {
  const { slices, rows, columns } = volume.geometry;
  const toGrey = greyFunction(volume, window);
  const view = (slice: number): VoxelArray => {
    if (!Number.isInteger(slice) || slice < 0 || slice >= slices) {
      throw new RangeError(`slice ${slice} is outside 0..${slices - 1}`);
    }
    return sliceView(volume, slice);
  };
  return { slices, rows, columns, channels: volume.channels, image: (slice) => toGrey(view(slice)) };
}

/** The window in words, for reports and the screen. */
export function describeWindow(window: ResolvedWindow): string {
  if (window.kind === 'none') return 'none (intensities are shown as stored, 0 to 255)';
  const { low, high, scaleLow, scaleHigh, mode, label } = window;
  const short = (value: number): string => String(Number(value.toPrecision(7)));
  const range = `${label}: ${short(low)} to ${short(high)} (centre ${short((low + high) / 2)}, width ${short(high - low)})`;
  return mode === 'fixed' ? range : `${range}, stretched from ${short(scaleLow)} to ${short(scaleHigh)} as in the data`;
}

function colourWindow(volume: Volume, spec: WindowSpec): ResolvedWindow {
  if (spec.kind !== 'none' && spec.kind !== 'auto') {
    throw new UserError(
      'window-on-colour',
      'A window cannot be applied to colour images.',
      'Use the window auto or none.',
    );
  }
  return unwindowed(volume);
}

function unwindowed(volume: Volume): ResolvedWindow {
  if (!isBytes(volume.voxels)) {
    const { low, high } = finiteRange(volume.voxels);
    if (low < 0 || high > 255) {
      throw new UserError(
        'window-needed',
        `The intensities reach from ${low} to ${high} and do not fit 0 to 255 without a window.`,
        'Choose a window, for example abdomen, 40,400 or p0.5,p99.5.',
      );
    }
  }
  return { kind: 'none', notes: [] };
}

function automaticWindow(volume: Volume, mode: WindowMode): ResolvedWindow {
  if (volume.displayReady || isBytes(volume.voxels)) return { kind: 'none', notes: [] };
  const assumed = 'CT is shown with the abdomen window unless another one is chosen.';
  if (volume.modality === 'CT') return presetWindow(volume, 'abdomen', mode, [assumed]);
  if (volume.modality !== undefined) return percentileWindow(volume, defaultPercentiles, mode, []);
  if (finiteRange(volume.voxels).low < -500) {
    return presetWindow(volume, 'abdomen', mode, [
      `The file states no modality; its intensities reach below -500, so it is taken for CT. ${assumed}`,
    ]);
  }
  return percentileWindow(volume, defaultPercentiles, mode, [
    'The file states no modality; its intensities do not look like CT, so percentiles are used as for MR.',
  ]);
}

const displayNotes = (volume: Volume): string[] =>
  volume.displayReady ? ['The images were already made for display; a second window changes what the model sees.'] : [];

function presetWindow(volume: Volume, name: string, mode: WindowMode, notes: readonly string[]): ResolvedWindow {
  const preset = Object.hasOwn(windowPresets, name) ? windowPresets[name] : undefined;
  if (!preset) {
    throw new UserError(
      'window-invalid',
      `There is no window preset ${name}.`,
      `Use one of ${Object.keys(windowPresets).join(', ')}.`,
    );
  }
  const other =
    volume.modality !== undefined && volume.modality !== 'CT'
      ? [`The preset ${name} is in Hounsfield units, and the image is ${volume.modality}.`]
      : [];
  return centredWindow(volume, preset, mode, `preset ${name}`, [...notes, ...other]);
}

function centredWindow(
  volume: Volume,
  { centre, width }: WindowPreset,
  mode: WindowMode,
  label: string,
  notes: readonly string[],
): ResolvedWindow {
  return rangeWindow(volume, centre - width / 2, centre + width / 2, mode, label, notes);
}

function percentileWindow(
  volume: Volume,
  { low, high }: { low: number; high: number },
  mode: WindowMode,
  notes: readonly string[],
): ResolvedWindow {
  const bounds = positivePercentiles(volume.voxels, [low, high]);
  if (!bounds) {
    throw new UserError(
      'window-no-positive-voxels',
      'The image has no voxel above 0, so that percentiles of the voxels above 0 do not exist.',
      'Give the window as centre,width.',
    );
  }
  return rangeWindow(volume, bounds[0], bounds[1], mode, `percentiles ${low} and ${high} of voxels above 0`, notes);
}

function rangeWindow(
  volume: Volume,
  low: number,
  high: number,
  mode: WindowMode,
  label: string,
  notes: readonly string[],
): ResolvedWindow {
  const range = mode === 'data' ? finiteRange(volume.voxels) : { low, high };
  const clip = (value: number): number => Math.min(Math.max(value, low), high);
  const [scaleLow, scaleHigh] = [clip(range.low), clip(range.high)];
  if (!(scaleHigh > scaleLow)) {
    throw new UserError(
      'window-flat',
      `With the window ${low} to ${high} the whole image has one grey value.`,
      'Choose a window that contains the intensities of the image.',
    );
  }
  return { kind: 'range', low, high, scaleLow, scaleHigh, mode, label, notes };
}

const isBytes = (voxels: VoxelArray): voxels is Uint8Array => voxels instanceof Uint8Array;

/** Smallest and largest finite voxel. */
function finiteRange(voxels: VoxelArray): { low: number; high: number } {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < voxels.length; i++) {
    const value = voxels[i];
    if (value < low && value !== -Infinity) low = value;
    if (value > high && value !== Infinity) high = value;
  }
  return { low, high };
}

/** Slice voxels -> display intensities; a lookup table where the stored type has at most 16 bits. */
function greyFunction(volume: Volume, window: ResolvedWindow): (voxels: VoxelArray) => Uint8Array {
  const { voxels } = volume;
  if (window.kind === 'none' && isBytes(voxels)) return (slice) => slice as Uint8Array;
  const toGrey = window.kind === 'none' ? Math.floor : greyOf(window);
  if (voxels.BYTES_PER_ELEMENT <= 2) {
    const mask = voxels.BYTES_PER_ELEMENT === 1 ? 0xff : 0xffff;
    const signed = voxels instanceof Int8Array || voxels instanceof Int16Array;
    const table = new Uint8Array(mask + 1);
    for (let bits = 0; bits <= mask; bits++) table[bits] = toGrey(signed && bits > mask >> 1 ? bits - mask - 1 : bits);
    return (slice) => {
      const image = new Uint8Array(slice.length);
      for (let i = 0; i < slice.length; i++) image[i] = table[slice[i] & mask];
      return image;
    };
  }
  const isReal = voxels instanceof Float32Array || voxels instanceof Float64Array;
  const substitute = isReal ? toGrey(finiteRange(voxels).low) : 0;
  return (slice) => {
    const image = new Uint8Array(slice.length);
    for (let i = 0; i < slice.length; i++) image[i] = Number.isFinite(slice[i]) ? toGrey(slice[i]) : substitute;
    return image;
  };
}

function greyOf(window: Extract<ResolvedWindow, { kind: 'range' }>): (value: number) => number {
  const { low, high, scaleLow, scaleHigh } = window;
  const span = scaleHigh - scaleLow;
  return (value) => {
    const clipped = value < low ? low : value > high ? high : value;
    const grey = ((clipped - scaleLow) / span) * 255;
    // in `fixed` mode scale and clip bounds are equal; in `data` mode no voxel lies outside, but a table entry can
    return grey < 0 ? 0 : grey > 255 ? 255 : Math.floor(grey);
  };
}
