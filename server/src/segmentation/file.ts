import { elements, type Elements } from './elements.js';
import { encodeElements, encodeHeader } from './serialise.js';

/** Identifies the code that writes these files (PS3.7 section D.3.3.2): a constant of ours, derived from a UUID. */
const IMPLEMENTATION_CLASS_UID = '2.25.152213181811905383722491570948848876038';
/** SH: 16 characters at most. */
const IMPLEMENTATION_VERSION_NAME = 'MEDSAM2_OHIF_1';
const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';
const PREAMBLE = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM', 'latin1')]);

/** Pixel data that is written into the file in place, so that it exists only once in memory. */
export interface PixelWriter {
  readonly vr: 'OB' | 'OW';
  /** bytes without padding to even length */
  readonly length: number;
  /** @param target `length` bytes, all 0 */
  write(target: Uint8Array): void;
}

/** A PS3.10 file: preamble, file meta information with its length, dataset, Pixel Data as the last element. */
export function encodeFile(
  identity: { readonly sopClassUid: string; readonly sopInstanceUid: string },
  dataset: Elements,
  pixels: PixelWriter,
): Uint8Array {
  const meta = encodeElements(
    elements({
      FileMetaInformationVersion: Uint8Array.of(0, 1),
      MediaStorageSOPClassUID: identity.sopClassUid,
      MediaStorageSOPInstanceUID: identity.sopInstanceUid,
      TransferSyntaxUID: EXPLICIT_LITTLE_ENDIAN,
      ImplementationClassUID: IMPLEMENTATION_CLASS_UID,
      ImplementationVersionName: IMPLEMENTATION_VERSION_NAME,
    }),
  );
  const metaLength = encodeElements(elements({ FileMetaInformationGroupLength: meta.length }));
  const evenLength = pixels.length + (pixels.length % 2);
  const parts = [PREAMBLE, metaLength, meta, encodeElements(dataset), encodeHeader('7FE00010', pixels.vr, evenLength)];
  const headerLength = parts.reduce((sum, part) => sum + part.length, 0);
  const file = new Uint8Array(headerLength + evenLength);
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  pixels.write(file.subarray(at, at + pixels.length));
  return file;
}
