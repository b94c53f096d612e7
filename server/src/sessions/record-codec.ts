import {
  codeSchema,
  createSessionSchema,
  drawingSchema,
  propagateSchema,
  segmentTermsSchema,
  windowSchema,
} from '@medsam2/protocol';
import { fromBase64, toBase64 } from '@medsam2/protocol/stream';
import { z } from 'zod';
import type { JournalHeader, JournalRecord } from './records.js';
import type { Change } from './state.js';

/** Records as lines of JSON: masks in base64, nothing else changed. Journals are read back through these schemas. */

const runs = z.base64().transform((text) => fromBase64(text));

const segment = z.strictObject({
  id: z.int().min(1),
  label: z.string(),
  colour: z.tuple([z.int(), z.int(), z.int()]),
  terms: segmentTermsSchema,
  locked: z.boolean(),
  trackingUid: z.string(),
  algorithm: z
    .strictObject({ name: z.string(), version: z.string().optional(), family: codeSchema.optional() })
    .optional(),
});

const mask = z.strictObject({
  runs,
  pixels: z.int().min(0),
  iou: z.number(),
  presence: z.number(),
  origin: z.enum(['prompt', 'propagated', 'blended', 'edited', 'imported']),
  model: z.string().optional(),
});

const prompt = z.strictObject({
  id: z.string(),
  segment: z.int(),
  drawing: drawingSchema,
  slice: z.int(),
  plane: z.enum(['column', 'row']).optional(),
  base: mask.optional(),
});

const change: z.ZodType<Change> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('segment'), id: z.int(), value: segment.optional() }),
  z.strictObject({ kind: z.literal('prompt'), id: z.string(), value: prompt.optional() }),
  z.strictObject({ kind: z.literal('mask'), segment: z.int(), slice: z.int().min(0), value: mask.optional() }),
]);

const settings = z.strictObject({
  model: z.string(),
  identity: z.strictObject({ sha256: z.string(), demonstration: z.boolean(), architecture: z.string() }),
  window: windowSchema,
  view: z.enum(['full', 'roi']).optional(),
});

const at = z.string().optional();
const changes = z.array(change);

const record: z.ZodType<JournalRecord> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('step'), at, what: z.string(), changes }),
  z.strictObject({
    type: z.literal('run'),
    at,
    run: z.string(),
    segments: z.array(z.int()),
    request: propagateSchema,
    total: z.int(),
  }),
  z.strictObject({ type: z.literal('results'), at, run: z.string(), changes }),
  z.strictObject({
    type: z.literal('run-end'),
    at,
    run: z.string(),
    state: z.enum(['done', 'cancelled', 'failed']),
    segments: z.array(z.int()),
    done: z.int(),
    total: z.int(),
    message: z.string().optional(),
  }),
  z.strictObject({ type: z.literal('undo'), at }),
  z.strictObject({ type: z.literal('redo'), at }),
  z.strictObject({ type: z.literal('settings'), at, settings }),
  z.strictObject({ type: z.literal('saved'), at, revision: z.int() }),
]);

const header: z.ZodType<JournalHeader> = z.strictObject({
  type: z.literal('session'),
  version: z.literal(1),
  id: z.uuid(),
  owner: z.string(),
  created: z.iso.datetime(),
  source: createSessionSchema.shape.source.required({ pacs: true, volume: true }),
  settings,
  grid: z.strictObject({ slices: z.int(), rows: z.int(), columns: z.int() }),
  images: z.string(),
  historyBytes: z.int(),
});

/** One line without its end. */
export function toLine(value: JournalHeader | JournalRecord): string {
  return JSON.stringify(value, (_, field: unknown) => (field instanceof Uint8Array ? toBase64(field) : field));
}

/** @throws ZodError or SyntaxError for a line that is no such record */
export const headerOf = (line: string): JournalHeader => header.parse(JSON.parse(line));
/** @throws ZodError or SyntaxError for a line that is no such record */
export const recordOf = (line: string): JournalRecord => record.parse(JSON.parse(line));
