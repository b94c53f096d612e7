import type { SegObject } from '@medsam2/server/segmentation';
import { parsePart10 } from '@medsam2/server/testing';

/** What the writer tells beside the bytes, from the bytes. */
export function objectOf(bytes: Uint8Array): SegObject {
  const { dataset } = parsePart10(bytes);
  const text = (tag: string): string => {
    const value = dataset[tag]?.Value;
    return Array.isArray(value) && typeof value[0] === 'string' ? value[0] : '';
  };
  return {
    bytes,
    sopClassUid: text('00080016'),
    sopInstanceUid: text('00080018'),
    seriesInstanceUid: text('0020000E'),
    studyInstanceUid: text('0020000D'),
    warnings: [],
  };
}
