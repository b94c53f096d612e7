import { segmentStatisticsSchema } from '@medsam2/protocol';
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { SegObject } from '../segmentation/types.js';

const uid = z.string();

/** What a job keeps of its work before it saves: with it, whoever takes the job up stores exactly this object. */
export const checkpointSchema = z.strictObject({
  statistics: z.array(segmentStatisticsSchema),
  warnings: z.array(z.string()),
  description: z.string(),
  seg: z.strictObject({
    /** base64 of the gzipped object: masks are mostly zeros */
    bytes: z.base64(),
    sopClassUid: uid,
    sopInstanceUid: uid,
    seriesInstanceUid: uid,
    studyInstanceUid: uid,
    warnings: z.array(z.string()),
  }),
});
export type JobCheckpoint = z.infer<typeof checkpointSchema>;

/** Pixel Data has 32 bits of length, attributes come on top. */
const mostBytes = 2 ** 32;

export function packSeg({ bytes, warnings, ...rest }: SegObject): JobCheckpoint['seg'] {
  return { ...rest, warnings: [...warnings], bytes: gzipSync(bytes).toString('base64') };
}

export function unpackSeg({ bytes, ...rest }: JobCheckpoint['seg']): SegObject {
  return { ...rest, bytes: gunzipSync(Buffer.from(bytes, 'base64'), { maxOutputLength: mostBytes }) };
}
