/** A small series in a PACS behind a proxy, for tests of what goes wrong on the way. */
import { createPacs, pacsConfigSchema, type OpenPacs, type PacsConfigInput } from '@medsam2/server/dicomweb';
import { makePhantom, sliceElements, writeInstance } from '@medsam2/server/testing';

export const STUDY = '1.2.826.0.1.3680043.10.1561.77';
export const SERIES = '1.2.826.0.1.3680043.10.1561.78';
export const SLICES = 24;

/** 24 CT slices of 64x48 in one series. */
export function phantomFiles(): Uint8Array[] {
  const { volume } = makePhantom({ columns: 64, rows: 48, slices: SLICES, seed: 7 });
  return sliceElements(volume, 1).map((elements) =>
    writeInstance({
      ...elements,
      '00100020': { vr: 'LO', Value: ['phantom'] },
      '0020000D': { vr: 'UI', Value: [STUDY] },
      '0020000E': { vr: 'UI', Value: [SERIES] },
    }),
  );
}

/** A client that gives up soon and does not wait long before it tries again. */
export function impatient(url: string, more: Partial<PacsConfigInput> = {}): OpenPacs {
  return createPacs(
    pacsConfigSchema.parse({
      name: 'test',
      url,
      writable: true,
      timeouts: { connect: 1000, firstByte: 400, idle: 400, store: 5000, check: 1000 },
      retries: { attempts: 4, backOff: 10, maxBackOff: 1000 },
      ...more,
    }),
  );
}
