export interface BackOff {
  readonly firstMs: number;
  readonly mostMs: number;
  /** 0..1; a source of chance, so that many waiting objects do not come back together */
  readonly random: () => number;
}

/** Milliseconds until the next attempt: doubled with each failure up to `mostMs`, then half of it to all of it by chance. */
export function backOffMs(failures: number, { firstMs, mostMs, random }: BackOff): number {
  const full = Math.min(mostMs, firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(full * (0.5 + 0.5 * random()));
}
