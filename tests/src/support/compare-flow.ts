import type { Segmenter, SliceResult } from '@medsam2/server';
import { largestDifference, type Reference } from './reference.js';

/** How far one direction of a flow is from the reference. */
export interface FlowDifference {
  readonly slices: number;
  /** largest |difference| of a low-resolution logit */
  readonly logits: number;
  readonly presence: number;
  /** share of mask pixels that are equal */
  readonly equalPixels: number;
  /** slices on which the reference sees no object */
  readonly absent: number;
}

/** Run a recorded flow through the engine and measure the distance. */
export async function compareFlow(
  segmenter: Segmenter,
  reference: Reference,
  flow: string,
  direction: 'forward' | 'backward',
): Promise<FlowDifference> {
  const recorded = await reference.pass(flow, direction);
  const { object, options } = await reference.request(flow);
  const target = segmenter.open(reference.source);
  const results = new Map<number, SliceResult>();
  for await (const event of target.segment({ objects: [object], direction, options })) {
    if (event.type === 'slice') results.set(event.slice, event);
  }
  target.close();
  const count = recorded.slices.length;
  const logitArea = recorded.logits.length / count;
  const maskArea = recorded.masks.length / count;
  let logits = 0;
  let presence = 0;
  let unequal = 0;
  if (results.size !== count) throw new Error(`${results.size} slices, the reference has ${count}`);
  recorded.slices.forEach((slice, index) => {
    const result = results.get(slice);
    if (result === undefined) throw new Error(`the engine gave no result for slice ${slice}`);
    const expected = recorded.logits.subarray(index * logitArea, (index + 1) * logitArea);
    logits = Math.max(logits, largestDifference(result.logits, expected));
    // The engine reports the scores of the prompt on a prompted slice; the reference has those of the mask given back.
    if (result.origin !== 'prompt') presence = Math.max(presence, Math.abs(result.presence - recorded.presence[index]));
    const mask = recorded.masks.subarray(index * maskArea, (index + 1) * maskArea);
    for (let i = 0; i < maskArea; i++) if (mask[i] !== result.mask[i]) unequal++;
  });
  return {
    slices: count,
    logits,
    presence,
    equalPixels: 1 - unequal / recorded.masks.length,
    absent: recorded.presence.filter((value) => value <= 0).length,
  };
}
