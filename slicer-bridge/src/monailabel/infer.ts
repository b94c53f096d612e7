import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { BridgeError } from '../errors.js';
import type { GridSize } from '../input/geometry.js';
import { noClicks, withPoints, type Clicks } from '../prompted/clicks.js';

/** [i, j, k] = [column, row, slice] */
const point = z.tuple([z.int(), z.int(), z.int()]);
const maxPoints = 1024;

/** What is used of the parameters of an inference; everything else is the module's own affair. */
const paramsSchema = z.object({
  label: z.string().max(256).optional(),
  foreground: z.array(point).max(maxPoints).default([]),
  background: z.array(point).max(maxPoints).default([]),
});
export type InferParams = z.infer<typeof paramsSchema>;

/** @throws BridgeError `params` */
export function readParams(text: string | undefined): InferParams {
  let given: unknown;
  try {
    given = JSON.parse(text ?? '{}');
  } catch (cause) {
    throw badParams(cause);
  }
  const result = paramsSchema.safeParse(given);
  if (result.success) return result.data;
  throw badParams(result.error);
}

const badParams = (cause: unknown): BridgeError =>
  new BridgeError(
    422,
    'params',
    'The parameters hold no lists foreground and background of points [i, j, k].',
    'Use a SmartEdit model of this server.',
    { cause },
  );

/** @throws BridgeError `points-missing` when no foreground point lies in the volume */
export function clicksOf({ foreground, background }: InferParams, { slices, rows, columns }: GridSize): Clicks {
  let clicks = noClicks;
  for (const [points, label] of [
    [foreground, 1],
    [background, 0],
  ] as const) {
    for (const [x, y, slice] of points) {
      const isInside = x >= 0 && y >= 0 && slice >= 0 && x < columns && y < rows && slice < slices;
      if (isInside) clicks = withPoints(clicks, slice, [{ x, y, label }]);
    }
  }
  if ([...clicks.clicked.values()].some(({ points }) => points.some(({ label }) => label === 1))) return clicks;
  throw new BridgeError(
    422,
    'points-missing',
    'There is no foreground point in the volume.',
    'Place a foreground point inside the object first.',
  );
}

/** The form that the module reads an inference from: `params` without a file name, and the file, whose ending says what it is. */
export function inferAnswer(params: unknown, file: Buffer): { readonly type: string; readonly body: Buffer } {
  const boundary = randomBytes(16).toString('hex');
  const name = `${randomBytes(8).toString('hex')}.nrrd`;
  const part = (head: string, content: Buffer | string): Buffer =>
    Buffer.concat([
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
      Buffer.from(content),
    ]);
  const body = Buffer.concat([
    part('name="params"\r\nContent-Type: application/json', JSON.stringify(params)),
    Buffer.from('\r\n'),
    part(`name="image"; filename="${name}"\r\nContent-Type: application/octet-stream`, file),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  return { type: `multipart/form-data; boundary=${boundary}`, body };
}
