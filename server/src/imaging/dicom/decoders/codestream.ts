/**
 * What a compressed stream says about itself, read without decoding: decoders take the size from their caller on
 * trust, and some fill up silently when the stream holds less.
 */
export interface StreamImage {
  readonly rows: number;
  readonly columns: number;
  readonly components: number;
}

/**
 * Size from a JPEG or JPEG-LS frame header (ISO/IEC 10918-1 B.2.2, 14495-1 C.2.2) or a JPEG 2000 SIZ segment
 * (ISO/IEC 15444-1 A.5.1).
 *
 * @returns `undefined` when the stream has no such header
 */
export function streamImage(
  stream: Uint8Array,
  codec: 'jpeg' | 'jpeg-ls' | 'jpeg-2000' | 'htj2k',
): StreamImage | undefined {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  return codec === 'jpeg' || codec === 'jpeg-ls' ? jpegImage(stream, view) : jpeg2000Image(stream, view);
}

function jpegImage(stream: Uint8Array, view: DataView): StreamImage | undefined {
  if (stream[0] !== 0xff || stream[1] !== 0xd8) return undefined;
  let at = 2;
  while (at + 10 <= stream.length && stream[at] === 0xff) {
    const marker = stream[at + 1];
    if (marker === 0xff) {
      at++; // fill byte
      continue;
    }
    // start of frame: C0..CF but tables (C4), reserved (C8), arithmetic conditioning (CC); F7 in JPEG-LS
    if (marker === 0xf7 || (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))) {
      return { rows: view.getUint16(at + 5), columns: view.getUint16(at + 7), components: stream[at + 9] };
    }
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

function jpeg2000Image(stream: Uint8Array, view: DataView): StreamImage | undefined {
  // a codestream starts at once; within a JP2 file it follows some boxes
  for (let at = 0; at + 42 <= Math.min(stream.length, 4096); at++) {
    if (view.getUint32(at) !== 0xff4fff51) continue;
    const word = (offset: number): number => view.getUint32(at + offset);
    return { columns: word(8) - word(16), rows: word(12) - word(20), components: view.getUint16(at + 40) };
  }
  return undefined;
}

/**
 * Whether a JPEG-LS stream holds its components one after the other (interleave mode 0, ISO/IEC 14495-1 C.2.3).
 * The decoder hands them over in the order of the stream, whatever PlanarConfiguration says.
 */
export function isPlanarJpegLs(stream: Uint8Array): boolean {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  let at = 2;
  while (at + 4 <= stream.length && stream[at] === 0xff) {
    // start of scan: length, number of components, two bytes for each, NEAR, interleave mode
    if (stream[at + 1] === 0xda) return stream[at + 4 + 2 * stream[at + 4] + 2] === 0;
    at += 2 + view.getUint16(at + 2);
  }
  return false;
}

/** Whether a JPEG, JPEG-LS or (HT)JPEG 2000 stream reaches its end marker; what a writer padded behind does not matter. */
export function reachesEnd(stream: Uint8Array): boolean {
  let end = stream.length - 1;
  while (end > 0 && stream[end] === 0) end--;
  for (let at = end - 1; at >= Math.max(0, end - 64); at--) {
    if (stream[at] === 0xff && stream[at + 1] === 0xd9) return true;
  }
  return false;
}

/**
 * Bytes that the shortest segment of an RLE frame unpacks to, and the number of segments (PS3.5 annex G).
 *
 * @returns `undefined` when the header is damaged
 */
export function rleContent(stream: Uint8Array): { segments: number; shortest: number } | undefined {
  if (stream.length < 64) return undefined;
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const segments = view.getUint32(0, true);
  if (segments < 1 || segments > 15) return undefined;
  const starts = Array.from({ length: segments }, (_, index) => view.getUint32(4 + 4 * index, true));
  const lengths = starts.map((start, index) => unpackedLength(stream, start, starts[index + 1] ?? stream.length));
  return { segments, shortest: Math.min(...lengths) };
}

function unpackedLength(stream: Uint8Array, start: number, end: number): number {
  let total = 0;
  let at = start;
  while (at < Math.min(end, stream.length)) {
    const control = stream[at];
    if (control < 128) {
      total += Math.min(control + 1, Math.max(0, stream.length - at - 1));
      at += control + 2;
    } else {
      if (control > 128 && at + 1 < stream.length) total += 257 - control;
      at += control === 128 ? 1 : 2;
    }
  }
  return total;
}
