import type { Architecture } from '../architecture.js';
import { findArchitecture, shippedGraphs } from '../bind/architectures.js';
import { userError } from '../testing-errors.js';
import { guessArchitecture } from './guess.js';
import { requireMatch } from './match.js';
import type { Checkpoint } from './types.js';

let medsam2: Architecture;
beforeAll(async () => {
  medsam2 = (await findArchitecture([shippedGraphs()], 'sam2.1_hiera_t512')).architecture;
});

function checkpoint(shapes: Readonly<Record<string, readonly number[]>>): Checkpoint {
  const tensors = Object.entries(shapes).map(
    ([key, shape]) => [key, { dtype: 'f32', shape, offset: 0, byteLength: 0 }] as const,
  );
  return { file: 'weights.pt', format: 'pt', bytes: 0, tensors: new Map(tensors), metadata: {} };
}

const shapesOf = ({ tensors }: Architecture) =>
  Object.fromEntries(Object.entries(tensors).map(([key, { shape }]) => [key, shape]));

describe('requireMatch', () => {
  it('accepts exactly the keys and shapes of MedSAM2 (471 tensors)', () => {
    const whole = checkpoint(shapesOf(medsam2));
    expect(whole.tensors.size).toBe(471);
    expect(() => requireMatch(whole, medsam2)).not.toThrow();
  });

  it('names what is missing, unexpected and of another shape', async () => {
    const shapes: Record<string, readonly number[]> = { ...shapesOf(medsam2), extra: [1], no_mem_embed: [1, 1, 128] };
    delete shapes['no_obj_ptr'];
    const error = await userError(() => requireMatch(checkpoint(shapes), medsam2));
    expect(error.code).toBe('checkpoint-mismatch');
    expect(error.message).toContain('1 key missing (no_obj_ptr)');
    expect(error.message).toContain('1 key unexpected (extra)');
    expect(error.message).toContain('no_mem_embed [1, 1, 128] instead of [1, 1, 256]');
  });

  it('shows only the first few keys', async () => {
    const error = await userError(() => requireMatch(checkpoint({ a: [1] }), medsam2));
    expect(error.message).toContain('471 keys missing');
    expect(error.message.length).toBeLessThan(600);
  });
});

describe('guessArchitecture', () => {
  const trunk = (blocks: number, channels: number) => ({
    'image_encoder.trunk.patch_embed.proj.weight': [channels, 3, 7, 7],
    ...Object.fromEntries(
      Array.from({ length: blocks }, (_, block) => [`image_encoder.trunk.blocks.${block}.norm1.weight`, [channels]]),
    ),
  });
  const cases: [string, Record<string, number[]>, string | undefined][] = [
    ['SAM 2.1 small', { ...trunk(16, 96), no_obj_embed_spatial: [1, 64] }, 'SAM 2.1 Hiera-S (small)'],
    ['SAM 2.1 large', { ...trunk(48, 144), no_obj_embed_spatial: [1, 64] }, 'SAM 2.1 Hiera-L (large)'],
    ['SAM 2.0 tiny', trunk(12, 96), 'SAM 2.0 Hiera-T (tiny)'],
    [
      'an own size',
      { ...trunk(3, 8), no_obj_embed_spatial: [1, 64] },
      'SAM 2.1 with a Hiera trunk of 3 blocks and 8 channels',
    ],
    ['Efficient MedSAM2', { 'image_encoder.neck.convs.0.conv_1x1.weight': [1] }, 'Efficient MedSAM2 (EfficientTAM)'],
    [
      'SAM 1',
      { 'image_encoder.pos_embed': [1], 'mask_decoder.iou_token.weight': [1] },
      'SAM 1 or MedSAM (images only, no memory)',
    ],
    [
      'DistributedDataParallel',
      { 'module.x': [1] },
      'a checkpoint saved from DistributedDataParallel (every key begins with "module.")',
    ],
    ['something else', { 'conv1.weight': [1] }, undefined],
  ];
  it.each(cases)('recognises %s', (_, shapes, guess) => {
    expect(guessArchitecture(checkpoint(shapes))).toBe(guess);
  });
});
