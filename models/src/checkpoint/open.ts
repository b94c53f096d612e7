import { open, stat } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { explain } from '../files/errors.js';
import { readPt } from './pt.js';
import { readSafetensors } from './safetensors.js';
import type { Checkpoint } from './types.js';

type Kind = 'pt' | 'safetensors' | Refusal;
type Refusal = readonly [code: string, what: string, remedy: string];

const getWeights = 'Give a checkpoint as .pt (torch.save) or .safetensors.';

/**
 * Opens a weights file of either format, known by its content and not by its name, and reads its table of tensors.
 *
 * @throws UserError `file-not-found`, `permission-denied`, `checkpoint-empty`, `checkpoint-legacy`, `checkpoint-unknown`
 *   and the readers' own codes; every one says what to do
 */
export async function openCheckpoint(file: string): Promise<Checkpoint> {
  try {
    const info = await stat(file);
    if (!info.isFile()) throw new UserError('not-a-file', `${file} is not a file.`, getWeights);
    const kind = detect(await head(file, 64), info.size);
    if (kind === 'pt') return await readPt(file, info.size);
    if (kind === 'safetensors') return await readSafetensors(file, info.size);
    throw new UserError(kind[0], `${file} ${kind[1]}.`, kind[2]);
  } catch (error) {
    throw explain(error, file);
  }
}

async function head(file: string, count: number): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function detect(start: Buffer, bytes: number): Kind {
  if (bytes === 0) return ['checkpoint-empty', 'is empty (0 bytes)', 'Get the file again from its source.'];
  const text = start.toString('latin1');
  if (text.startsWith('PK\x03\x04') || text.startsWith('PK\x05\x06')) return 'pt';
  const pickle = start[0] === 0x80 && start[1] >= 2 && start[1] <= 5;
  // LONG1 of 10 bytes: the magic number of torch.save before PyTorch 1.6
  if (pickle && start.subarray(2, 8).equals(Buffer.from([0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46])))
    return [
      'checkpoint-legacy',
      'is in the PyTorch format used before version 1.6',
      'Save it again with a current PyTorch: torch.save(torch.load(FILE, weights_only=True), NEW_FILE).',
    ];
  if (pickle)
    return [
      'checkpoint-bare-pickle',
      'is a bare Python pickle, which is not read because loading one can run code',
      'Save the weights with torch.save or as .safetensors.',
    ];
  if (text.startsWith('version https://git-lfs'))
    return [
      'checkpoint-lfs-pointer',
      'is a Git LFS pointer, not the weights themselves',
      'Run git lfs pull, or download the file.',
    ];
  if (/^\s*<(!doctype|html|\?xml)/i.test(text))
    return [
      'checkpoint-web-page',
      'is a web page, not weights',
      'Download the file itself (a log-in may be needed first).',
    ];
  if (text.startsWith('\x1f\x8b')) return ['checkpoint-compressed', 'is gzip-compressed', 'Unpack it first (gunzip).'];
  if (bytes >= 9 && text[8] === '{') return 'safetensors';
  if ('PK\x03\x04'.startsWith(text) || bytes < 9)
    return ['checkpoint-truncated', `has only ${bytes} bytes`, 'Get the file again from its source.'];
  return ['checkpoint-unknown', 'is neither a PyTorch checkpoint nor a .safetensors file', getWeights];
}
