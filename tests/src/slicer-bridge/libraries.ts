/** Segmenters whose answers show what they were asked; for tests in which what a model sees does not matter. */
import type { ImageStack, SegmenterLibrary, SliceMask } from '@medsam2/slicer-bridge';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Whose image was segmented is what these tests are about, so the segmenter is one whose answer shows it: the mask of a box is
 * every pixel in it that is brighter than 100, and it is the same on all slices of the range.
 */
export const brightPixels: SegmenterLibrary = {
  names: () => Promise.resolve(['bright']),
  get: () =>
    Promise.resolve({
      model: 'bright',
      open: (stack: ImageStack) => ({
        preview: async (objects) => {
          await sleep(1);
          return objects.flatMap(({ label, prompts }) =>
            prompts.map((prompt): SliceMask => {
              if (prompt.kind !== 'box') throw new Error('only boxes are expected');
              return { label, slice: prompt.slice, mask: bright(stack, prompt.slice) };
            }),
          );
        },
        propagate: async function* ({ objects, range, signal }) {
          for (const { label } of objects) {
            for (let slice = range.first; slice <= range.last; slice++) {
              await sleep(1, undefined, { signal });
              yield { label, slice, mask: bright(stack, slice) };
            }
          }
        },
        close: () => undefined,
      }),
    }),
};

const bright = (stack: ImageStack, slice: number): Uint8Array => stack.image(slice).map((value) => Number(value > 100));

/** Every box is its own mask: nothing here is about what is found. */
export const boxes: SegmenterLibrary = {
  names: () => Promise.resolve(['boxes']),
  get: () =>
    Promise.resolve({
      model: 'boxes',
      open: (stack) => ({
        preview: (objects) =>
          Promise.resolve(
            objects.flatMap(({ label, prompts }) =>
              prompts.map((prompt) => {
                const mask = new Uint8Array(stack.rows * stack.columns);
                stack.image(prompt.slice);
                if (prompt.kind === 'box') mask[prompt.box[1] * stack.columns + prompt.box[0]] = 1;
                return { label, slice: prompt.slice, mask };
              }),
            ),
          ),
        propagate: async function* () {
          // nothing is found
        },
        close: () => undefined,
      }),
    }),
};
