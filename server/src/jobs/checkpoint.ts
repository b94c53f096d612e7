import { segmentStatisticsSchema } from '@medsam2/protocol';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
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

export async function packSeg({ bytes, warnings, ...rest }: SegObject): Promise<JobCheckpoint['seg']> {
  const packed = await promisify(gzip)(bytes);
  return { ...rest, warnings: [...warnings], bytes: packed.toString('base64') };
}

export async function unpackSeg({ bytes, ...rest }: JobCheckpoint['seg']): Promise<SegObject> {
  const unpacked = await promisify(gunzip)(Buffer.from(bytes, 'base64'), { maxOutputLength: mostBytes });
  return { ...rest, bytes: unpacked };
}
