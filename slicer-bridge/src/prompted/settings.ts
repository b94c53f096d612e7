import { z } from 'zod';

const mebibytes = (count: number): number => count * 2 ** 20;

/** What an operator can set for the protocols that ask click by click; sizes in bytes. */
export const promptedSettingsSchema = z.strictObject({
  /** one upload */
  uploadBytes: z.int().positive().default(mebibytes(4096)),
  /** one volume in memory */
  volumeBytes: z.int().positive().default(mebibytes(2048)),
  /** volumes of all clients together, and masks of theirs */
  memoryBytes: z.int().positive().default(mebibytes(4096)),
  /** volumes that are remembered */
  volumes: z.int().positive().default(64),
  /** a volume is forgotten after so long without a request */
  idleSeconds: z
    .number()
    .positive()
    .default(4 * 3600),
  /** a body that brings no byte for so long is given up */
  stallSeconds: z.number().positive().default(120),
  /** slices beyond the outermost clicks that are segmented; undefined: the whole volume */
  reach: z.int().min(0).optional(),
});
export type PromptedSettings = z.infer<typeof promptedSettingsSchema>;
export type PromptedSettingsInput = z.input<typeof promptedSettingsSchema>;
