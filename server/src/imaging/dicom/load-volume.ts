import { setImmediate } from 'node:timers/promises';
import { UserError } from '@medsam2/models';
import type { Finding, SliceSource, Volume } from '../volume.js';
import { openFrames, type FrameDecoder, type StoredFrame } from './decode.js';
import { finding } from './findings.js';
import type { FrameDescriptor } from './frames.js';
import { readHeader, type InstanceHeader } from './header.js';
import { applyModalityLut, readModalityLut, type ModalityLut } from './modality-lut.js';
import { parsePart10 } from './parse.js';
import type { VolumePlan } from './plan.js';
import { VoxelSink, type StoreType } from './voxel-sink.js';

export interface LoadOptions {
  readonly signal?: AbortSignal;
  /** slices done, slices in all */
  readonly onProgress?: (done: number, total: number) => void;
  /** limit of the voxel array, bytes; default 2 GiB */
  readonly maxBytes?: number;
}

/** The bytes of the instance that a header was read from. */
export type ReadInstance = (header: InstanceHeader, signal?: AbortSignal) => Promise<Uint8Array>;

const DEFAULT_MAX_BYTES = 2 ** 31;

/**
 * Decodes the frames of a plan into one volume. Instances are read one after the other and dropped as soon as their
 * frames are decoded, so that memory holds the voxels plus one instance.
 *
 * Values are in modality units (rescaled frame by frame). Greyscale stored to be shown inverted (MONOCHROME1) is
 * turned bright-for-high unless the values are physical (CT, PET).
 *
 * @throws UserError `volume-too-large`; what `openFrames` throws; `conflicting-duplicates` when two images of one
 *   position differ; `instance-changed` when a source is no longer what the plan was made from
 * @throws the signal's reason when aborted
 */
export async function loadVolume(plan: VolumePlan, read: ReadInstance, options: LoadOptions = {}): Promise<Volume> {
  const { format } = plan.frames[0].header;
  const channels = format.samplesPerPixel === 3 || format.photometric === 'PALETTE COLOR' ? 3 : 1;
  const sliceSize = format.rows * format.columns * channels;
  const type = storeType(plan, channels);
  checkSize(sliceSize * plan.frames.length * BYTES[type], options.maxBytes);
  const sink = new VoxelSink(sliceSize, plan.frames.length, type);

  let done = 0;
  for (const [header, slices] of byInstance(plan)) {
    options.signal?.throwIfAborted();
    const instance = await openInstance(header, read, options.signal);
    for (const { frame, slice } of slices) {
      options.signal?.throwIfAborted();
      writeSlice(sink, slice, frame, await instance.decode(frame.frameNumber), instance.lut);
      options.onProgress?.(++done, plan.frames.length);
      await setImmediate(); // decoding is synchronous: let others run between slices
    }
  }
  await compareDuplicates(plan, sink, read, options.signal);
  return finish(plan, sink, channels);
}

const BYTES: Record<StoreType, number> = { bytes: 1, integers: 2, floats: 4 };

function storeType(plan: VolumePlan, channels: 1 | 3): StoreType {
  if (channels === 3 || isVideoGrey(plan)) return 'bytes';
  const integral = plan.frames.every(
    ({ rescale }) => Number.isInteger(rescale?.slope ?? 1) && Number.isInteger(rescale?.intercept ?? 0),
  );
  return integral ? 'integers' : 'floats';
}

function checkSize(bytes: number, maxBytes = DEFAULT_MAX_BYTES): void {
  if (bytes <= maxBytes) return;
  const mib = (value: number): string => `${Math.ceil(value / 2 ** 20)} MiB`;
  throw new UserError(
    'volume-too-large',
    `The volume needs ${mib(bytes)} of memory, more than the limit of ${mib(maxBytes)}.`,
    'Choose a smaller series or raise the limit.',
  );
}

/** Slices of the plan by the instance that holds them, so that each instance is read once. */
function byInstance(plan: VolumePlan): Map<InstanceHeader, { frame: FrameDescriptor; slice: number }[]> {
  const groups = new Map<InstanceHeader, { frame: FrameDescriptor; slice: number }[]>();
  plan.frames.forEach((frame, slice) => {
    const group = groups.get(frame.header);
    if (group) group.push({ frame, slice });
    else groups.set(frame.header, [{ frame, slice }]);
  });
  return groups;
}

async function openInstance(
  header: InstanceHeader,
  read: ReadInstance,
  signal?: AbortSignal,
): Promise<{ decode: FrameDecoder; lut: ModalityLut | undefined }> {
  const parsed = parsePart10(await read(header, signal));
  const now = readHeader(parsed, header.source);
  if (
    !now ||
    now.sopInstanceUid !== header.sopInstanceUid ||
    now.numberOfFrames !== header.numberOfFrames ||
    now.format.rows !== header.format.rows ||
    now.format.columns !== header.format.columns
  ) {
    throw new UserError(
      'instance-changed',
      'An image changed while the series was read.',
      'Try again when nothing writes to the series.',
    );
  }
  // what is stored decides how to decode: an archive may have converted it since its metadata was asked for
  const decode = openFrames(parsed, now);
  return { decode, lut: readModalityLut(parsed.dataset, parsed.littleEndian, now.format.signed) };
}

function writeSlice(
  sink: VoxelSink,
  slice: number,
  frame: FrameDescriptor,
  stored: StoredFrame,
  lut: ModalityLut | undefined,
): void {
  if (stored.channels === 3) return sink.writeColour(slice, stored.samples);
  if (frame.rescale?.lut && lut)
    return sink.write(slice, applyModalityLut(stored.samples, lut), { slope: 1, intercept: 0 });
  if (frame.rescale?.lut) {
    throw new UserError(
      'unsupported-pixel-format',
      'The Modality LUT of an image cannot be read.',
      'Convert the images to plain rescaled values and try again.',
    );
  }
  sink.write(slice, stored.samples, {
    slope: frame.rescale?.slope ?? 1,
    intercept: frame.rescale?.intercept ?? 0,
    padding: frame.header.format.padding,
  });
}

/** Frames left out as duplicates must show what the frame kept shows; only decoding can tell. */
async function compareDuplicates(
  plan: VolumePlan,
  sink: VoxelSink,
  read: ReadInstance,
  signal?: AbortSignal,
): Promise<void> {
  for (const { frame, slice } of plan.duplicates) {
    signal?.throwIfAborted();
    const instance = await openInstance(frame.header, read, signal);
    const stored = await instance.decode(frame.frameNumber);
    const kept = sink.slice(slice);
    if (stored.samples.length !== kept.length) throw conflict(slice);
    const type = kept instanceof Float32Array ? 'floats' : kept instanceof Uint8Array ? 'bytes' : 'integers';
    const copy = new VoxelSink(kept.length, 1, type);
    writeSlice(copy, 0, frame, stored, instance.lut);
    if (!copy.voxels.every((value, index) => value === kept[index])) throw conflict(slice);
  }
}

function conflict(slice: number): UserError {
  return new UserError(
    'conflicting-duplicates',
    `Slice ${slice} is present more than once with different pixels.`,
    'Remove the images that do not belong to the series.',
  );
}

function finish(plan: VolumePlan, sink: VoxelSink, channels: 1 | 3): Volume {
  const findings: Finding[] = [...plan.findings];
  const { format, modality } = plan.frames[0].header;
  if (sink.paddingVoxels > 0) {
    const message = `${sink.paddingVoxels} voxels hold the padding value outside the scanned field; they are no tissue.`;
    findings.push(finding('pixel-padding', message));
  }
  // CT and PET values are physical after rescale; there MONOCHROME1 only says how to show them
  if (channels === 1 && format.photometric === 'MONOCHROME1' && modality !== 'CT' && modality !== 'PT') {
    sink.invert();
    findings.push(
      finding('display-inverted', 'The images are stored inverted (MONOCHROME1); bright and dark were exchanged.'),
    );
  }
  const isVideo = plan.kind === 'cine' && (channels === 3 || isVideoGrey(plan));
  return {
    voxels: sink.voxels,
    channels,
    geometry: plan.geometry,
    kind: plan.kind,
    ...(plan.modality ? { modality: plan.modality } : {}),
    findings,
    sliceSources: plan.frames.map(sliceSource),
    ...(isVideo ? { displayReady: true } : {}),
  };
}

/** Greyscale clips of 8 bits without rescale are display intensities as they are. */
const isVideoGrey = (plan: VolumePlan): boolean =>
  plan.kind === 'cine' &&
  plan.frames.every(({ header: { format }, rescale }) => {
    const plain = !rescale || (!rescale.lut && rescale.slope === 1 && rescale.intercept === 0);
    return plain && format.bitsStored === 8 && !format.signed && format.samplesPerPixel === 1;
  });

/** Identity of the image that a slice was read from. */
export function sliceSource(frame: FrameDescriptor): SliceSource {
  return {
    sopInstanceUid: frame.header.sopInstanceUid,
    sopClassUid: frame.header.sopClassUid,
    ...(frame.header.numberOfFrames > 1 || isMultiFrameClass(frame) ? { frameNumber: frame.frameNumber } : {}),
    ...(frame.positionText ? { imagePosition: frame.positionText } : {}),
  };
}

/** Multi-frame SOP classes whose instances may hold one frame; references to them carry the frame number all the same. */
const MULTI_FRAME_CLASSES =
  /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.(2\.1|2\.2|4\.1|4\.3|4\.4|130|128\.1|12\.1\.1|12\.2\.1|3\.1|7\.[1-4]|6\.2)$/;
const isMultiFrameClass = (frame: FrameDescriptor): boolean => MULTI_FRAME_CLASSES.test(frame.header.sopClassUid);
