import { z } from 'zod';

/** Model names: also folder names, so nothing that means something to a file system. */
export const modelName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What of a slice the model was made to see: the whole slice, or a square that follows the object (docs/engine.md). */
const view = z.enum(['full', 'roi']);
export type ModelView = z.infer<typeof view>;

/** How the model follows an object best: by memory alone, or by memory, boxes and grey levels (docs/engine.md). */
const following = z.enum(['memory', 'prompted']);
export type ModelFollowing = z.infer<typeof following>;

const licence = z.object({
  /** SPDX identifier, or `unknown` */
  spdx: z.string(),
  holder: z.string(),
  /** where the licence was read */
  url: z.string(),
  /** true: use is limited beyond an open-source licence, and the operator must accept `terms` by the model's name */
  restricted: z.boolean(),
  /** what is accepted, in the sentences shown to the operator */
  terms: z.string(),
});
export type Licence = z.infer<typeof licence>;

/** What is known about a model whoever installs it: `models/manifests/<name>.json`. */
export const knownModelSchema = z.discriminatedUnion('status', [
  z.object({
    formatVersion: z.literal(1),
    status: z.literal('available'),
    name: modelName,
    title: z.string(),
    /** name or alias of an architecture */
    architecture: z.string(),
    /** default: the architecture's */
    view: view.optional(),
    source: z.object({
      url: z.url(),
      /** null: not known; the hash of the first download is recorded */
      sha256: sha256.nullable(),
      bytes: z.number().int().positive().nullable(),
    }),
    licence,
    intendedUse: z.string(),
    trainingData: z.string(),
    /** true: made to show that the program works; its masks are not to be relied on */
    demonstration: z.boolean(),
  }),
  z.object({
    formatVersion: z.literal(1),
    status: z.literal('unsupported'),
    name: modelName,
    title: z.string(),
    reason: z.string(),
    source: z.object({ url: z.url() }),
    licence,
  }),
]);
export type KnownModel = z.infer<typeof knownModelSchema>;
export type AvailableModel = Extract<KnownModel, { status: 'available' }>;

/** A model that comes with the program, weights included: `models/<name>/model.json` beside `weights.safetensors`. */
export const embeddedModelSchema = z.object({
  formatVersion: z.literal(1),
  name: modelName,
  title: z.string(),
  /** name of an architecture */
  architecture: z.string(),
  view: view.optional(),
  following: following.optional(),
  /** terms that would have to be accepted cannot be: nobody is asked when such a model is used */
  licence: licence.extend({ restricted: z.literal(false) }),
  intendedUse: z.string(),
  trainingData: z.string(),
  demonstration: z.boolean(),
});
export type EmbeddedDescription = z.infer<typeof embeddedModelSchema>;

const boundGraph = z.object({
  /** sha256 of the weight-free graph it was made from */
  source: sha256,
  /** sha256 of the bound graph's file */
  bound: sha256,
});

const acceptance = z.object({
  date: z.iso.datetime(),
  user: z.string(),
  /** sha256 of the terms' text, so that later changes of the text are seen */
  termsSha256: sha256,
});
export type Acceptance = z.infer<typeof acceptance>;

/** `<models directory>/<name>/manifest.json`: what is installed, where it came from, under which terms. */
export const manifestSchema = z.object({
  formatVersion: z.literal(1),
  name: modelName,
  title: z.string(),
  /** name of the architecture (folder of the graphs) */
  architecture: z.string(),
  /** default: the architecture's */
  view: view.optional(),
  /** default: `memory`, as the reference */
  following: following.optional(),
  weights: z.object({
    file: z.enum(['weights.pt', 'weights.safetensors']),
    sha256,
    bytes: z.number().int().positive(),
    /** modification time in ms, to notice a changed file without reading it all */
    modified: z.number(),
  }),
  /** version of the binding that made the graphs */
  binding: z.number().int(),
  graphs: z.object({
    image_encoder: boundGraph,
    memory_attention: boundGraph,
    mask_decoder: boundGraph,
    memory_encoder: boundGraph,
  }),
  origin: z.object({
    kind: z.enum(['pull', 'import', 'embedded']),
    /** address, file name, or the program */
    from: z.string(),
    date: z.iso.datetime(),
    /** what the sha256 was compared with: the known one, the one the host announced, or nothing (it was recorded) */
    checked: z.enum(['known', 'announced', 'recorded']),
  }),
  licence,
  acceptance: acceptance.optional(),
  intendedUse: z.string(),
  trainingData: z.string(),
  demonstration: z.boolean(),
});
export type Manifest = z.infer<typeof manifestSchema>;
