import codecs from 'dcmjs-codecs';
import { UserError } from '@medsam2/models';
import type { PixelFormat } from '../header.js';
import { transferSyntax } from '../transfer-syntaxes.js';
import { isPlanarJpegLs, reachesEnd, rleContent, streamImage } from './codestream.js';

const { Context, NativeCodecs } = codecs;

/** Samples of one decoded frame as little-endian bytes, and how they are arranged. */
export interface DecodedFrame {
  readonly bytes: Uint8Array;
  readonly photometric: string;
  readonly planarConfiguration: number;
}

let ready: Promise<void> | undefined;

/** Loads the decoders (WebAssembly, some 50 ms) on first use, and afresh after one of them failed. */
async function prepareDecoders(): Promise<void> {
  while (!NativeCodecs.isInitialized()) {
    ready ??= NativeCodecs.initializeAsync({ logCodecsInfo: false, logCodecsTrace: false }).finally(() => {
      ready = undefined;
    });
    await ready;
  }
}

/**
 * Decodes one compressed frame. The decoders are called directly, not through the library's `Transcoder`, which
 * knows fewer transfer syntaxes (no .51, .53, .55, .57) and copies the whole dataset.
 *
 * @throws UserError `pixel-data-undecodable` when the stream is damaged or does not hold the declared image
 */
export async function decodeCompressed(
  encoded: Uint8Array,
  format: PixelFormat,
  transferSyntaxUid: string,
): Promise<DecodedFrame> {
  checkStream(encoded, format, transferSyntaxUid);
  const context = new Context({
    width: format.columns,
    height: format.rows,
    bitsAllocated: format.bitsAllocated,
    bitsStored: format.bitsStored,
    samplesPerPixel: format.samplesPerPixel,
    pixelRepresentation: format.signed ? 1 : 0,
    planarConfiguration: format.planarConfiguration,
    photometricInterpretation: format.photometric,
    encodedBuffer: encoded,
  });
  await prepareDecoders();
  let decoded;
  try {
    decoded = decoderOf(transferSyntaxUid)(context);
  } catch (cause) {
    // a decoder that was thrown out of leaves its memory behind in whatever state
    NativeCodecs.release();
    throw undecodable(transferSyntaxUid, 'the stream is damaged', cause);
  }
  const samples = decoded.getDecodedBuffer();
  const expected = format.rows * format.columns * format.samplesPerPixel * (format.bitsAllocated / 8);
  if (!samples || samples.length !== expected) {
    throw undecodable(transferSyntaxUid, `it holds ${samples?.length ?? 0} bytes where ${expected} are declared`);
  }
  const planar =
    transferSyntax(transferSyntaxUid).codec === 'jpeg-ls' && format.samplesPerPixel > 1 && isPlanarJpegLs(encoded);
  return {
    bytes: samples,
    photometric: decoded.getPhotometricInterpretation() ?? format.photometric,
    planarConfiguration: planar ? 1 : (decoded.getPlanarConfiguration() ?? 0),
  };
}

/** Refuses streams that state another image than the dataset does, or that are visibly cut off. */
function checkStream(encoded: Uint8Array, format: PixelFormat, transferSyntaxUid: string): void {
  const { codec } = transferSyntax(transferSyntaxUid);
  const { rows, columns, samplesPerPixel, bitsAllocated } = format;
  if (codec === undefined || codec === 'native') return;
  if (codec === 'rle') {
    const content = rleContent(encoded);
    if (content && content.segments === samplesPerPixel * (bitsAllocated / 8) && content.shortest >= rows * columns)
      return;
    throw undecodable(transferSyntaxUid, 'it holds fewer pixels than declared');
  }
  const image = streamImage(encoded, codec);
  if (!image) throw undecodable(transferSyntaxUid, 'the stream has no image header');
  // 0 rows: the number of lines is stated behind the first scan
  if ((image.rows !== rows && image.rows !== 0) || image.columns !== columns || image.components !== samplesPerPixel) {
    const [stream, declared] = [image, { rows, columns, components: samplesPerPixel }].map(
      (size) => `${size.columns}x${size.rows}x${size.components}`,
    );
    throw undecodable(transferSyntaxUid, `the stream holds an image of ${stream} where ${declared} is declared`);
  }
  // the JPEG 2000 decoder notices by itself; the others fill up with what they have
  if (codec !== 'jpeg-2000' && !reachesEnd(encoded)) {
    throw undecodable(transferSyntaxUid, 'the stream is cut off');
  }
}

type Decoder = (context: InstanceType<typeof Context>) => InstanceType<typeof Context>;

function decoderOf(transferSyntaxUid: string): Decoder {
  const { codec } = transferSyntax(transferSyntaxUid);
  switch (codec) {
    case 'rle':
      return (context) => NativeCodecs.decodeRle(context);
    case 'jpeg':
      return (context) => NativeCodecs.decodeJpeg(context, { convertColorspaceToRgb: true });
    case 'jpeg-ls':
      return (context) => NativeCodecs.decodeJpegLs(context);
    case 'jpeg-2000':
      return (context) => NativeCodecs.decodeJpeg2000(context);
    case 'htj2k':
      return (context) => NativeCodecs.decodeHtJpeg2000(context);
    case 'native':
    case undefined:
      throw new RangeError(`no decoder for transfer syntax ${transferSyntaxUid}`);
  }
}

function undecodable(transferSyntaxUid: string, why: string, cause?: unknown): UserError {
  return new UserError(
    'pixel-data-undecodable',
    `The pixel data of an instance (${transferSyntax(transferSyntaxUid).name}) cannot be decoded: ${why}.`,
    'Transfer or export the series again, or convert it to Explicit VR Little Endian.',
    { cause },
  );
}
