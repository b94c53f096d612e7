import { z } from 'zod';

/**
 * What a run did, for people and programs: `--report`. It holds no patient data: of the input the file name, a hash and
 * the grid are kept, and nothing of a DICOM header.
 */

const finite = z.number();
const triple = z.tuple([finite, finite, finite]);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();

const prompt = z.object({
  slice: count,
  /** x0, y0, x1, y1 in pixels */
  box: z.tuple([finite, finite, finite, finite]).optional(),
  /** x, y, label (1: object, 0: background) */
  points: z.array(z.tuple([finite, finite, z.union([z.literal(0), z.literal(1)])])).optional(),
  /** masks and lines are stated by their size: the report does not repeat images */
  mask_pixels: count.optional(),
  recist_pixels: count.optional(),
  recist_mode: z.string().optional(),
  shift: count.optional(),
});

const score = z.object({
  slice: count,
  origin: z.enum(['prompt', 'propagated', 'blended']),
  /** the model's own estimate, 0..1 */
  iou: finite,
  /** object-presence logit; > 0 means present */
  presence: finite,
  /** of the object in the result */
  pixels: count,
});

const objectResult = z.object({
  label: z.number().int().positive(),
  name: z.string().optional(),
  voxels: count,
  /** absent for frames in time, which have no size in space */
  volume_mm3: z.number().nonnegative().optional(),
  volume_ml: z.number().nonnegative().optional(),
  /** mean over the slices on which the object is */
  mean_iou: finite.optional(),
  /** first and last slice of the object */
  slices: z.tuple([count, count]).optional(),
  /** voxels that went to another object, or outside the largest component */
  lost_voxels: count,
  removed_voxels: count,
  scores: z.array(score),
  /** prompted slices on which the model saw nothing */
  absent: z.array(z.object({ slice: count, iou: finite, presence: finite })),
});

export const runReportSchema = z.object({
  format: z.literal('medsam2-run'),
  format_version: z.literal(1),
  /** true: the model is a demonstration, and its masks are not to be relied on */
  demonstration: z.boolean(),
  program: z.object({ name: z.literal('medsam2'), version: z.string(), node: z.string(), onnxruntime: z.string() }),
  model: z.object({
    name: z.string(),
    architecture: z.string(),
    weights_sha256: sha256,
    demonstration: z.boolean(),
    intended_use: z.string(),
    licence: z.object({ spdx: z.string(), restricted: z.boolean(), terms: z.string(), url: z.string() }),
  }),
  device: z.object({ name: z.string(), threads: z.number().int().positive() }),
  input: z.object({
    /** name of the file or folder, without its path */
    name: z.string(),
    /** of the file; of a folder: of the sorted hashes of its files */
    sha256,
    kind: z.enum(['stack', 'cine']),
    modality: z.string().optional(),
    channels: z.union([z.literal(1), z.literal(3)]),
  }),
  /** LPS millimetres; for frames in time, pixels */
  geometry: z.object({
    columns: z.number().int().positive(),
    rows: z.number().int().positive(),
    slices: z.number().int().positive(),
    spacing: triple,
    origin: triple,
    direction: z.array(finite).length(9),
  }),
  findings: z.array(z.object({ code: z.string(), severity: z.enum(['info', 'warn', 'reject']), message: z.string() })),
  window: z.object({
    description: z.string(),
    low: finite.optional(),
    high: finite.optional(),
    scale: z.enum(['fixed', 'data']).optional(),
    notes: z.array(z.string()),
  }),
  /** boxes and points can be given back with `--prompts` */
  prompts: z.object({
    objects: z.array(
      z.object({ label: z.number().int().positive(), name: z.string().optional(), prompts: z.array(prompt) }),
    ),
  }),
  direction: z.enum(['forward', 'backward', 'both']),
  /** first and last slice */
  range: z.tuple([count, count]),
  options: z.object({
    stability_fallback: z.boolean(),
    fill_hole_area: count,
    largest_component: z.boolean(),
    non_overlap: z.boolean(),
    verbatim_masks: z.boolean(),
    conditioning: z.enum(['mask', 'direct']),
    /** what of a slice the model saw; `full` in reports that do not say it */
    view: z.enum(['full', 'roi']).default('full'),
    /** how objects were followed; `memory` in reports that do not say it */
    following: z.enum(['memory', 'prompted']).default('memory'),
  }),
  result: z.object({
    /** name of the written file or folder, without its path; absent when nothing was found */
    file: z.string().optional(),
    objects: z.array(objectResult),
  }),
  timings: z.object({
    started: z.iso.datetime(),
    read_seconds: z.number().nonnegative(),
    /** 0 when the model was loaded already, as in a batch */
    model_seconds: z.number().nonnegative(),
    first_mask_seconds: z.number().nonnegative().optional(),
    segment_seconds: z.number().nonnegative(),
    write_seconds: z.number().nonnegative(),
    slices: count,
    slices_per_second: z.number().nonnegative().optional(),
  }),
  warnings: z.array(z.string()),
});

export type RunReport = z.infer<typeof runReportSchema>;
