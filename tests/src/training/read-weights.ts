import { openCheckpoint, readTensor } from '@medsam2/models';

/** Every tensor of a checkpoint file, by key. */
export async function readCheckpointFile(path: string): Promise<Map<string, Float32Array>> {
  const file = await openCheckpoint(path);
  const tensors = new Map<string, Float32Array>();
  for (const key of file.tensors.keys()) tensors.set(key, await readTensor(file, key));
  return tensors;
}
