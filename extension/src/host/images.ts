import type { ImageRef } from '../contract/viewer.js';

/** One name per image, for maps. */
export const imageKey = ({ sopInstanceUid, frame }: ImageRef): string => `${sopInstanceUid}#${frame ?? 1}`;

/**
 * The frame in an image identifier of the host, from 1: `wadors:…/frames/3`, `dicomweb:…&frame=3`; undefined: none.
 */
export function frameOf(imageId: string): number | undefined {
  const match = /\/frames\/(\d+)|[?&]frame=(\d+)/.exec(imageId);
  return match === null ? undefined : Number(match[1] ?? match[2]);
}

/** @param frames images in the instance; single-frame instances are named without a frame */
export const imageRef = (sopInstanceUid: string, imageId: string, frames: number): ImageRef =>
  frames > 1 ? { sopInstanceUid, frame: frameOf(imageId) ?? 1 } : { sopInstanceUid };
