import { z } from 'zod';

/**
 * `architecture.json` beside the ONNX graphs of one architecture (written by `models/python/export_graphs.py`):
 * the sizes the engine needs, and the table of the checkpoint's tensors. Nothing about sizes is written in code.
 */

const tensorEntry = z.object({
  /** shape of the tensor in the checkpoint, outermost dimension first */
  shape: z.array(z.number().int().nonnegative()),
  /** graphs (file stems) that take the tensor as an external initialiser under exactly this name */
  graphs: z.array(z.string()),
});

export const architectureSchema = z.object({
  formatVersion: z.literal(1),
  /** folder name under `models/graphs`, e.g. `medsam2` */
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  /** other names a user may give for the same thing, e.g. `sam2.1_hiera_t512` (the research code's config) */
  aliases: z.array(z.string()),
  /** what of a slice its models are made to see; default: `full` */
  view: z.enum(['full', 'roi']).optional(),
  /** opset of the default ONNX domain */
  opset: z.number().int(),
  /** side of the square model input in pixels (512 for MedSAM2) */
  imageSize: z.number().int().positive(),
  /** image pixels per cell of the lowest-resolution feature map (16) */
  stride: z.number().int().positive(),
  /** channels of the image features and of an object pointer (256) */
  hiddenDim: z.number().int().positive(),
  /** channels of a spatial memory (64) */
  memoryDim: z.number().int().positive(),
  /** side of the decoder's low-resolution mask in pixels (imageSize / 4) */
  maskSize: z.number().int().positive(),
  /** channels of the two high-resolution feature maps s0 (side maskSize) and s1 (side maskSize / 2) */
  highResChannels: z.tuple([z.number().int().positive(), z.number().int().positive()]),
  /** conditioning memory rows + recent memories: 7 in SAM 2.1 (1 row for conditioning slices, 6 recent slices) */
  memorySlots: z.number().int().positive(),
  /** most object pointers attended to (16) */
  maxObjectPointers: z.number().int().positive(),
  /** memory encoder input = scale * mask + bias */
  memoryMaskScale: z.number(),
  memoryMaskBias: z.number(),
  /** per-channel statistics of the model input, R, G, B, on pixels scaled to 0..1 */
  pixelMean: z.tuple([z.number(), z.number(), z.number()]),
  pixelStd: z.tuple([z.number(), z.number(), z.number()]),
  /** logit written for every pixel of an absent object (-1024) */
  absentLogit: z.number(),
  /** file stem -> sha256 of `<stem>.onnx`, so that a damaged or foreign graph is refused */
  graphs: z.object({
    image_encoder: z.string(),
    memory_attention: z.string(),
    mask_decoder: z.string(),
    memory_encoder: z.string(),
  }),
  /** every key of the checkpoint; strict: a checkpoint with other keys or shapes is refused */
  tensors: z.record(z.string(), tensorEntry),
  /** keys the host (TypeScript) reads itself because they are used between graphs */
  hostTensors: z.array(z.string()),
});

export type Architecture = z.infer<typeof architectureSchema>;
export type GraphName = keyof Architecture['graphs'];
export const graphNames: readonly GraphName[] = ['image_encoder', 'memory_attention', 'mask_decoder', 'memory_encoder'];
