import type { Checkpoint, TensorEntry } from './types.js';

type Tensors = ReadonlyMap<string, TensorEntry>;

/** Channels of the first Hiera stage and number of blocks -> size name (SAM 2 configurations of Meta). */
const hieraSizes: Readonly<Record<string, string>> = {
  '96/12': 'Hiera-T (tiny)',
  '96/16': 'Hiera-S (small)',
  '112/24': 'Hiera-B+ (base plus)',
  '144/48': 'Hiera-L (large)',
};

/**
 * A guess, in words, at what a checkpoint is, from its keys and shapes; undefined when nothing is recognised.
 * Facts: specification section 1.4.
 */
export function guessArchitecture({ tensors }: Checkpoint): string | undefined {
  const keys = [...tensors.keys()];
  if (keys.every((key) => key.startsWith('module.')))
    return 'a checkpoint saved from DistributedDataParallel (every key begins with "module.")';
  if (tensors.has('image_encoder.neck.convs.0.conv_1x1.weight')) return 'Efficient MedSAM2 (EfficientTAM)';
  if (keys.some((key) => key.startsWith('image_encoder.trunk.blocks.'))) return guessHiera(tensors, keys);
  if (keys.some((key) => key.startsWith('perceiver.') || key.includes('spatial_perceiver'))) return 'EdgeTAM';
  if (keys.some((key) => key.startsWith('mask_decoder.')) && keys.some((key) => key.startsWith('image_encoder.')))
    return 'SAM 1 or MedSAM (images only, no memory)';
  if (keys.some((key) => key.startsWith('vision_encoder.'))) return 'a Hugging Face transformers conversion of SAM';
  if (keys.some((key) => key.includes('encoder.stages.'))) return 'nnU-Net or nnInteractive';
  return undefined;
}

function guessHiera(tensors: Tensors, keys: readonly string[]): string {
  const channels = tensors.get('image_encoder.trunk.patch_embed.proj.weight')?.shape[0] ?? 0;
  const blocks = new Set(keys.flatMap((key) => /^image_encoder\.trunk\.blocks\.(\d+)\./.exec(key)?.[1] ?? [])).size;
  const version = tensors.has('no_obj_embed_spatial') ? 'SAM 2.1' : 'SAM 2.0';
  return `${version} ${hieraSizes[`${channels}/${blocks}`] ?? `with a Hiera trunk of ${blocks} blocks and ${channels} channels`}`;
}
