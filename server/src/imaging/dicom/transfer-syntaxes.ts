/**
 * Transfer syntaxes by UID (PS3.5 section 10 and annex A, PS3.6 annex A): what they are called, and who decodes them.
 */

/** How the pixel data of a transfer syntax becomes samples; `undefined` codec: named, but refused. */
export interface TransferSyntax {
  readonly uid: string;
  readonly name: string;
  readonly codec?: 'native' | 'rle' | 'jpeg' | 'jpeg-ls' | 'jpeg-2000' | 'htj2k';
  /** samples may differ from what the scanner made */
  readonly lossy?: boolean;
}

const ROOT = '1.2.840.10008.1.2';

export const IMPLICIT_LITTLE_ENDIAN = ROOT;
export const EXPLICIT_LITTLE_ENDIAN = `${ROOT}.1`;
export const DEFLATED_LITTLE_ENDIAN = `${ROOT}.1.99`;
export const EXPLICIT_BIG_ENDIAN = `${ROOT}.2`;

const KNOWN: readonly TransferSyntax[] = [
  { uid: IMPLICIT_LITTLE_ENDIAN, name: 'Implicit VR Little Endian', codec: 'native' },
  { uid: EXPLICIT_LITTLE_ENDIAN, name: 'Explicit VR Little Endian', codec: 'native' },
  { uid: DEFLATED_LITTLE_ENDIAN, name: 'Deflated Explicit VR Little Endian', codec: 'native' },
  { uid: EXPLICIT_BIG_ENDIAN, name: 'Explicit VR Big Endian', codec: 'native' },
  { uid: `${ROOT}.5`, name: 'RLE Lossless', codec: 'rle' },
  { uid: `${ROOT}.4.50`, name: 'JPEG Baseline (Process 1)', codec: 'jpeg', lossy: true },
  { uid: `${ROOT}.4.51`, name: 'JPEG Extended (Process 2 and 4)', codec: 'jpeg', lossy: true },
  { uid: `${ROOT}.4.53`, name: 'JPEG Spectral Selection (Process 6 and 8)', codec: 'jpeg', lossy: true },
  { uid: `${ROOT}.4.55`, name: 'JPEG Full Progression (Process 10 and 12)', codec: 'jpeg', lossy: true },
  { uid: `${ROOT}.4.57`, name: 'JPEG Lossless (Process 14)', codec: 'jpeg' },
  { uid: `${ROOT}.4.70`, name: 'JPEG Lossless, First-Order Prediction', codec: 'jpeg' },
  { uid: `${ROOT}.4.80`, name: 'JPEG-LS Lossless', codec: 'jpeg-ls' },
  { uid: `${ROOT}.4.81`, name: 'JPEG-LS Near-Lossless', codec: 'jpeg-ls', lossy: true },
  { uid: `${ROOT}.4.90`, name: 'JPEG 2000 Lossless', codec: 'jpeg-2000' },
  { uid: `${ROOT}.4.91`, name: 'JPEG 2000', codec: 'jpeg-2000', lossy: true },
  { uid: `${ROOT}.4.201`, name: 'High-Throughput JPEG 2000 Lossless', codec: 'htj2k' },
  { uid: `${ROOT}.4.202`, name: 'High-Throughput JPEG 2000 Lossless, RPCL', codec: 'htj2k' },
  { uid: `${ROOT}.4.203`, name: 'High-Throughput JPEG 2000', codec: 'htj2k', lossy: true },
  { uid: `${ROOT}.1.98`, name: 'Encapsulated Uncompressed' },
  { uid: `${ROOT}.8.1`, name: 'Deflated Image Frame Compression' },
  { uid: `${ROOT}.4.92`, name: 'JPEG 2000 Part 2 Lossless' },
  { uid: `${ROOT}.4.93`, name: 'JPEG 2000 Part 2' },
  { uid: `${ROOT}.4.94`, name: 'JPIP Referenced' },
  { uid: `${ROOT}.4.95`, name: 'JPIP Referenced Deflate' },
  { uid: `${ROOT}.4.100`, name: 'MPEG2 Main Profile' },
  { uid: `${ROOT}.4.101`, name: 'MPEG2 High Profile' },
  { uid: `${ROOT}.4.102`, name: 'MPEG-4 AVC/H.264 High Profile' },
  { uid: `${ROOT}.4.103`, name: 'MPEG-4 AVC/H.264 BD-compatible' },
  { uid: `${ROOT}.4.104`, name: 'MPEG-4 AVC/H.264 for 2D video' },
  { uid: `${ROOT}.4.105`, name: 'MPEG-4 AVC/H.264 for 3D video' },
  { uid: `${ROOT}.4.106`, name: 'MPEG-4 AVC/H.264 Stereo' },
  { uid: `${ROOT}.4.107`, name: 'HEVC/H.265 Main Profile' },
  { uid: `${ROOT}.4.108`, name: 'HEVC/H.265 Main 10 Profile' },
  { uid: `${ROOT}.4.110`, name: 'JPEG XL Lossless' },
  { uid: `${ROOT}.4.111`, name: 'JPEG XL JPEG Recompression' },
  { uid: `${ROOT}.4.112`, name: 'JPEG XL' },
];

const BY_UID = new Map(KNOWN.map((syntax) => [syntax.uid, syntax]));

/** The transfer syntax with this UID; an unknown UID gets no codec and the name `unknown`. */
export function transferSyntax(uid: string): TransferSyntax {
  return BY_UID.get(uid) ?? { uid, name: 'unknown' };
}
