import { setImmediate } from 'node:timers/promises';
import { UserError } from '@medsam2/models';
import { norm, subtract } from '../geometry.js';
import type { Finding, SliceSource, Volume } from '../volume.js';
import { forEachAtOnce } from './at-once.js';
import { openFrames, type StoredFrame } from './decode.js';
import type { Decoders } from './decode-threads.js';
import { finding } from './findings.js';
import { framesOf, type FrameDescriptor } from './frames.js';
import { readHeader, type InstanceHeader } from './header.js';
import { applyModalityLut, readModalityLut, type ModalityLut } from './modality-lut.js';
import type { ParsedInstance } from './parse.js';
import type { VolumePlan } from './plan.js';
import { VoxelSink, type StoreType } from './voxel-sink.js';

export interface FillOptions {
  readonly signal?: AbortSignal;
  /** slices done, slices in all */
  readonly onProgress?: (done: number, total: number) => void;
  /** limit of the voxel array, bytes; default 2 GiB */
  readonly maxBytes?: number;
  /** where compressed frames are decoded; default: here, one at a time */
  readonly decoders?: Decoders;
}

const DEFAULT_MAX_BYTES = 2 ** 31;
const BYTES: Record<StoreType, number> = { bytes: 1, integers: 2, floats: 4 };

/** A frame of an instance that is still to be read: into its slice, or to be compared with it. */
interface Task {
  readonly frame: FrameDescriptor;
  readonly slice: number;
  readonly isDuplicate: boolean;
}

/**
 * A volume that is filled instance by instance, in any order. Holds the voxels, and of an instance no more than what
 * `add` was given while it runs.
 *
 * Values are in modality units (rescaled frame by frame). Greyscale stored to be shown inverted (MONOCHROME1) is
 * turned bright-for-high unless the values are physical (CT, PET).
 */
export class VolumeFiller {
  private readonly channels: 1 | 3;
  private readonly sink: VoxelSink;
  private readonly tasks = new Map<InstanceHeader, Task[]>();
  private readonly sources: SliceSource[] = [];
  private done = 0;
  private lossy = false;

  /** @throws UserError `volume-too-large` */
  constructor(
    private readonly plan: VolumePlan,
    private readonly options: FillOptions = {},
  ) {
    const { format } = plan.frames[0].header;
    this.channels = format.samplesPerPixel === 3 || format.photometric === 'PALETTE COLOR' ? 3 : 1;
    const sliceSize = format.rows * format.columns * this.channels;
    const type = storeType(plan, this.channels);
    checkSize(sliceSize * plan.frames.length * BYTES[type], options.maxBytes);
    this.sink = new VoxelSink(sliceSize, plan.frames.length, type);
    plan.frames.forEach((frame, slice) => this.plannedFor(frame.header).push({ frame, slice, isDuplicate: false }));
    for (const { frame, slice } of plan.duplicates)
      this.plannedFor(frame.header).push({ frame, slice, isDuplicate: true });
  }

  /**
   * Headers of instances that are still needed, those with slices of the volume first. A duplicate that came before
   * what it is to be compared with is needed again.
   */
  get needed(): readonly InstanceHeader[] {
    return [...this.tasks.keys()];
  }

  /**
   * Decodes what the volume needs of one instance.
   *
   * @param header one of the plan's
   * @throws UserError what `openFrames` throws; `instance-changed` when the instance is not what the plan was made from;
   *   `conflicting-duplicates` when two images of one position differ
   * @throws the signal's reason when aborted
   */
  async add(header: InstanceHeader, parsed: ParsedInstance): Promise<void> {
    const tasks = this.tasks.get(header);
    if (!tasks) return;
    // the same instance may come again while this one is decoded
    this.tasks.delete(header);
    try {
      const postponed = await this.decode(header, parsed, tasks);
      if (postponed.length > 0) this.tasks.set(header, postponed);
    } catch (error) {
      this.tasks.set(header, tasks);
      throw error;
    }
  }

  /** @returns duplicates that came too early to be compared */
  private async decode(header: InstanceHeader, parsed: ParsedInstance, tasks: readonly Task[]): Promise<Task[]> {
    const now = readHeader(parsed, header.source);
    if (!now || !isSameImage(now, header)) throw changed();
    this.lossy ||= now.lossy;
    const frames = framesOf(parsed.dataset, now);
    // what is stored decides how to decode: an archive may have converted it since its metadata was asked for
    const decode = openFrames(parsed, now, this.options.decoders?.decompress);
    const lut = readModalityLut(parsed.dataset, parsed.littleEndian, now.format.signed);
    const postponed: Task[] = [];
    await forEachAtOnce(tasks, this.options.decoders?.atOnce ?? 1, async (task) => {
      this.options.signal?.throwIfAborted();
      const frame = frames[task.frame.frameNumber - 1];
      if (!isSamePlace(frame, task.frame)) throw changed();
      if (task.isDuplicate && this.sources[task.slice] === undefined) {
        postponed.push(task);
        return;
      }
      const stored = await decode(frame.frameNumber);
      if (stored.channels !== this.channels) throw changed();
      if (task.isDuplicate) this.compare(task.slice, frame, stored, lut);
      else {
        writeSlice(this.sink, task.slice, frame, stored, lut);
        this.sources[task.slice] = sliceSource(frame);
        this.options.onProgress?.(++this.done, this.plan.frames.length);
      }
      await setImmediate(); // the rest is synchronous: let others run between slices
    });
    return postponed;
  }

  /** The volume, once nothing is needed any more. */
  finish(): Volume {
    if (this.tasks.size > 0) throw new RangeError(`${this.tasks.size} instances are still needed`);
    const { plan, sink, channels } = this;
    const findings: Finding[] = [...plan.findings];
    const { format, modality } = plan.frames[0].header;
    // metadata of DICOMweb does not always tell
    if (this.lossy && !findings.some(({ code }) => code === 'lossy-compression'))
      findings.push(finding('lossy-compression', 'The images were compressed with loss.'));
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
      sliceSources: this.sources,
      ...(isVideo ? { displayReady: true } : {}),
    };
  }

  private plannedFor(header: InstanceHeader): Task[] {
    const known = this.tasks.get(header);
    if (known) return known;
    const tasks: Task[] = [];
    this.tasks.set(header, tasks);
    return tasks;
  }

  /** Frames left out as duplicates must show what the frame kept shows; only decoding can tell. */
  private compare(slice: number, frame: FrameDescriptor, stored: StoredFrame, lut: ModalityLut | undefined): void {
    const kept = this.sink.slice(slice);
    if (stored.samples.length !== kept.length) throw conflict(slice);
    const type = kept instanceof Float32Array ? 'floats' : kept instanceof Uint8Array ? 'bytes' : 'integers';
    const copy = new VoxelSink(kept.length, 1, type);
    writeSlice(copy, 0, frame, stored, lut);
    if (!copy.voxels.every((value, index) => value === kept[index])) throw conflict(slice);
  }
}

function isSameImage(now: InstanceHeader, planned: InstanceHeader): boolean {
  return (
    now.sopInstanceUid === planned.sopInstanceUid &&
    now.numberOfFrames === planned.numberOfFrames &&
    now.format.rows === planned.format.rows &&
    now.format.columns === planned.format.columns
  );
}

/** Millimetres by which a position may differ between metadata and instance: rounding, nothing that matters. */
const SAME_PLACE = 1e-3;

const isSamePlace = (now: FrameDescriptor, planned: FrameDescriptor): boolean =>
  now.position && planned.position
    ? norm(subtract(now.position, planned.position)) <= SAME_PLACE
    : now.position === planned.position;

function changed(): UserError {
  return new UserError(
    'instance-changed',
    'An image changed while the series was read.',
    'Try again when nothing writes to the series.',
  );
}

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

function conflict(slice: number): UserError {
  return new UserError(
    'conflicting-duplicates',
    `Slice ${slice} is present more than once with different pixels.`,
    'Remove the images that do not belong to the series.',
  );
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
