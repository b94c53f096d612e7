/** Thread entry: decodes compressed frames, one at a time. */
import { UserError } from '@medsam2/models';
import type { PixelFormat } from '../header.js';
import { decodeCompressed, type DecodedFrame } from './compressed.js';

export interface DecodeTask {
  readonly encoded: Uint8Array;
  readonly format: PixelFormat;
  readonly transferSyntaxUid: string;
}

/** Errors lose their class between threads: they cross as values. */
export type DecodeAnswer =
  | { readonly frame: DecodedFrame }
  | { readonly error: { readonly code: string; readonly message: string; readonly remedy: string } };

export default async function decode({ encoded, format, transferSyntaxUid }: DecodeTask): Promise<DecodeAnswer> {
  try {
    const frame = await decodeCompressed(encoded, format, transferSyntaxUid);
    // a view may lie in the decoder's memory, all of which would be sent with it
    return { frame: { ...frame, bytes: new Uint8Array(frame.bytes) } };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { error: { code: error.code, message: error.message, remedy: error.remedy } };
  }
}
