import { z } from 'zod';

const mebibytes = (count: number): number => count * 2 ** 20;

/** What an operator can set; sizes in bytes. */
export const bridgeSettingsSchema = z.strictObject({
  /** `compat`: what the plug-in's own server computes; `better`: see docs/slicer.md */
  semantics: z.enum(['compat', 'better']).default('compat'),
  /** one upload of arrays; the mask of a middle slice has 8 bytes per voxel */
  uploadBytes: z.int().positive().default(mebibytes(8192)),
  /** one volume in memory */
  volumeBytes: z.int().positive().default(mebibytes(2048)),
  /** volumes of all clients together */
  memoryBytes: z.int().positive().default(mebibytes(4096)),
  /** model files of clients, where the library takes any */
  modelBytes: z.int().positive().default(mebibytes(2048)),
  /** clients that are remembered */
  clients: z.int().positive().default(256),
  /** a client's volumes are forgotten after so long without a request */
  idleSeconds: z
    .number()
    .positive()
    .default(4 * 3600),
  /** a click that stops between two of its requests for so long is taken for dead */
  settleSeconds: z.number().positive().default(30),
  /** a body that brings no byte for so long is given up */
  stallSeconds: z.number().positive().default(120),
});
export type BridgeSettings = z.infer<typeof bridgeSettingsSchema>;
export type BridgeSettingsInput = z.input<typeof bridgeSettingsSchema>;
