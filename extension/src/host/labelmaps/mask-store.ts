import { emptyRuns } from './painting.js';

/** The masks of one series as they were last written or edited: segment, then index of the image, to runs. */
export class MaskStore {
  private readonly bySegment = new Map<number, Map<number, Uint8Array>>();

  get(segment: number, index: number): Uint8Array {
    return this.bySegment.get(segment)?.get(index) ?? emptyRuns;
  }

  set(segment: number, index: number, runs: Uint8Array): void {
    const slices = this.bySegment.get(segment) ?? new Map<number, Uint8Array>();
    this.bySegment.set(segment, slices);
    if (runs.length === 0) slices.delete(index);
    else slices.set(index, runs);
  }

  /** index of the image to runs, without empty ones */
  slices(segment: number): ReadonlyMap<number, Uint8Array> {
    return this.bySegment.get(segment) ?? new Map<number, Uint8Array>();
  }

  segments(): number[] {
    return [...this.bySegment.keys()];
  }

  /** Segments with a mask on the image. */
  at(index: number): Map<number, Uint8Array> {
    const masks = new Map<number, Uint8Array>();
    for (const [segment, slices] of this.bySegment) {
      const runs = slices.get(index);
      if (runs !== undefined) masks.set(segment, runs);
    }
    return masks;
  }

  forget(segment: number): void {
    this.bySegment.delete(segment);
  }

  clear(): void {
    this.bySegment.clear();
  }
}
