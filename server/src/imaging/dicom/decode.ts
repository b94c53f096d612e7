import { UserError } from '@medsam2/models';
import { compressedFrames, joinFragments } from './encapsulated.js';
import { applyPalette, readPalette, toRgb, type Palette } from './decoders/color.js';
import { decodeCompressed, type DecodedFrame } from './decoders/compressed.js';
import { nativeFrame } from './decoders/native.js';
import { toSamples, type Samples } from './decoders/samples.js';
import type { InstanceHeader, PixelFormat } from './header.js';
import { unsupportedSyntax, type ParsedInstance } from './parse.js';
import { transferSyntax } from './transfer-syntaxes.js';

/** Stored values of one frame: [row][column] for `channels` 1, [row][column][R, G, B] (8 bit) for 3. */
export interface StoredFrame {
  readonly samples: Samples;
  readonly channels: 1 | 3;
}

/** Decodes frames (1-based numbers) of one instance, one at a time. */
export type FrameDecoder = (frameNumber: number) => Promise<StoredFrame>;

/** `decodeCompressed`, or the same in another thread. */
export type Decompress = (encoded: Uint8Array, format: PixelFormat, transferSyntaxUid: string) => Promise<DecodedFrame>;

/**
 * Opens the pixel data of an instance for decoding. Nothing is decoded yet; every call of the decoder gives a new array.
 *
 * @throws UserError `unsupported-transfer-syntax`, `no-pixel-data`, `truncated-pixel-data`, `pixel-data-undecodable`,
 *   `frames-not-separable`, `unsupported-pixel-format`
 */
export function openFrames(
  instance: ParsedInstance,
  header: InstanceHeader,
  decompress: Decompress = decodeCompressed,
): FrameDecoder {
  const { pixelData } = instance;
  const { format } = header;
  if (!transferSyntax(instance.transferSyntaxUid).codec) throw unsupportedSyntax(instance.transferSyntaxUid);
  if (!pixelData) {
    throw new UserError(
      'no-pixel-data',
      'An instance holds no pixel data.',
      'Export the series again with its pixel data.',
    );
  }
  const palette =
    format.photometric === 'PALETTE COLOR' ? readPalette(instance.dataset, instance.littleEndian) : undefined;
  if (!pixelData.encapsulated) {
    // eslint-disable-next-line @typescript-eslint/require-await -- one signature; errors reject like the others
    return async (frameNumber) => {
      const bytes = nativeFrame(pixelData, format, instance.littleEndian, frameNumber - 1);
      return arrange(bytes, format.photometric, format.planarConfiguration, header, palette);
    };
  }
  const frames = compressedFrames(pixelData, instance.dataset, header.numberOfFrames);
  return async (frameNumber) => {
    const encoded = joinFragments(frames[frameNumber - 1]);
    const decoded = await decompress(encoded, format, instance.transferSyntaxUid);
    return arrange(decoded.bytes, decoded.photometric, decoded.planarConfiguration, header, palette);
  };
}

function arrange(
  bytes: Uint8Array,
  photometric: string,
  planarConfiguration: number,
  { format }: InstanceHeader,
  palette: Palette | undefined,
): StoredFrame {
  if (format.samplesPerPixel === 3)
    return { samples: toRgb(bytes, photometric, planarConfiguration, format), channels: 3 };
  const samples = toSamples(bytes, format);
  return palette ? { samples: applyPalette(samples, palette), channels: 3 } : { samples, channels: 1 };
}
