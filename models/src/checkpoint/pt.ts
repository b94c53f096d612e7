import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { UserError } from '../errors.js';
import { explain, messageOf, systemCode } from '../files/errors.js';
import { readPickle } from './pickle.js';
import { PickleDict, PickledTensor, type PickledStorage, type PickleValue } from './pickle-values.js';
import { bytesPerElement, elementCount, isPlainName, limits, type Checkpoint, type TensorEntry } from './types.js';

/**
 * Reads the table of tensors of a PyTorch file (ZIP form, PyTorch 1.6 and later; specification section 1.2): the entry
 * `model` of the pickled dict, or the dict itself when it is a flat state dict. Tensor bytes are not read, and nothing in
 * the file is executed.
 *
 * @param file path
 * @param bytes the file's size
 * @throws UserError `checkpoint-…` for anything that is not such a file; the message says what was met
 */
export async function readPt(file: string, bytes: number): Promise<Checkpoint> {
  const zip = await openZip(file);
  try {
    const archive = await readDirectory(file, zip);
    await refuseBigEndian(file, zip, archive);
    const pickle = await readEntry(zip, archive.entry('data.pkl'), limits.pickleBytes);
    const tensors = new Map<string, TensorEntry>();
    const starts = new Map<string, number>();
    for (const [key, tensor] of stateDict(file, readPickle(pickle))) {
      const start = await storageStart(file, zip, archive, tensor.storage, key, starts);
      tensors.set(key, locate(file, key, tensor, start));
    }
    return { file, format: 'pt', bytes, tensors, metadata: {} };
  } catch (error) {
    throw damaged(file, error);
  } finally {
    zip.close();
  }
}

class Archive {
  constructor(
    private readonly file: string,
    private readonly root: string,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  find(name: string): Entry | undefined {
    return this.entries.get(`${this.root}/${name}`);
  }

  entry(name: string): Entry {
    const entry = this.find(name);
    if (!entry) throw invalid(this.file, `has no entry ${this.root}/${name}`);
    if (entry.compressionMethod !== 0 || entry.isEncrypted())
      throw new UserError(
        'checkpoint-compressed',
        `${this.file} has the compressed or encrypted entry ${this.root}/${name}.`,
        'Save it again with torch.save, which stores tensors uncompressed.',
      );
    return entry;
  }
}

async function openZip(file: string): Promise<ZipFile> {
  try {
    return await yauzl.openPromise(file, { autoClose: false, lazyEntries: true, strictFileNames: true });
  } catch (error) {
    throw damaged(file, error);
  }
}

async function readDirectory(file: string, zip: ZipFile): Promise<Archive> {
  if (zip.entryCount > limits.zipEntries) throw invalid(file, `declares ${zip.entryCount} ZIP entries`);
  const entries = new Map<string, Entry>();
  let root: string | undefined;
  for await (const entry of zip.eachEntry()) {
    if (!isPlainName(entry.fileName)) throw invalid(file, 'has a ZIP entry whose name holds control characters');
    // Two entries of one name would let two readers see two different files.
    if (entries.has(entry.fileName)) throw invalid(file, `has the ZIP entry ${entry.fileName} twice`);
    entries.set(entry.fileName, entry);
    const found = /^([^/]+)\/data\.pkl$/.exec(entry.fileName);
    if (found && root !== undefined) throw invalid(file, 'has two entries named data.pkl');
    if (found) root = found[1];
  }
  if (root === undefined)
    throw new UserError(
      'checkpoint-not-pytorch',
      `${file} is a ZIP file but not a PyTorch checkpoint: it has no data.pkl.`,
      'Give the .pt file itself, not an archive that contains it.',
    );
  if (entries.has(`${root}/constants.pkl`))
    throw new UserError(
      'checkpoint-torchscript',
      `${file} is a TorchScript program, not a checkpoint.`,
      'Give the checkpoint it was made from (torch.save of a state dict).',
    );
  return new Archive(file, root, entries);
}

async function refuseBigEndian(file: string, zip: ZipFile, archive: Archive): Promise<void> {
  if (!archive.find('byteorder')) return; // absent before PyTorch 2.1, which wrote the machine's order: little-endian
  const order = Buffer.from(await readEntry(zip, archive.entry('byteorder'), 64)).toString('latin1');
  if (order !== 'little')
    throw new UserError(
      'checkpoint-byte-order',
      `${file} stores its numbers in another byte order than little-endian.`,
      'Save it again on a little-endian machine (any x86 or ARM computer).',
    );
}

async function readEntry(zip: ZipFile, entry: Entry, limit: number): Promise<Uint8Array> {
  if (entry.uncompressedSize > limit)
    throw new UserError(
      'checkpoint-pickle-limit',
      `The checkpoint's entry ${entry.fileName} has ${entry.uncompressedSize} bytes, more than the ${limit} allowed.`,
      'Save only the state dict, without other objects.',
    );
  await dataStart(zip, entry);
  const chunks: Uint8Array[] = [];
  for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Byte position of an entry's data; the local header must name the same entry as the directory. */
async function dataStart(zip: ZipFile, entry: Entry): Promise<number> {
  const header = await zip.readLocalFileHeaderPromise(entry);
  if (!header.fileName.equals(entry.fileNameRaw) || header.compressionMethod !== entry.compressionMethod)
    throw new Error(`the local header of ${entry.fileName} is that of another entry`);
  return header.fileDataStart;
}

/** The named tensors: `model` of the top-level dict, else the dict itself. */
function stateDict(file: string, value: PickleValue): [string, PickledTensor][] {
  if (!(value instanceof PickleDict)) throw notStateDict(file, 'its pickle is not a dict');
  const model = value.entries.get('model');
  const dict = model === undefined ? value : model;
  if (!(dict instanceof PickleDict)) throw notStateDict(file, 'its entry "model" is not a dict');
  const tensors: [string, PickledTensor][] = [];
  for (const [key, tensor] of dict.entries) {
    if (typeof key !== 'string' || !(tensor instanceof PickledTensor)) {
      const names = [...value.entries.keys()].filter(
        (name) => typeof name === 'string' && isPlainName(name),
      ) as string[];
      const keys = names.slice(0, 5).map((name) => JSON.stringify(name.slice(0, 40)));
      throw notStateDict(file, `an entry is not a named tensor (top-level keys: ${keys.join(', ')})`);
    }
    if (!isPlainName(key))
      throw invalid(file, 'has a tensor whose name is empty, overlong or holds control characters');
    tensors.push([key, tensor]);
  }
  if (tensors.length === 0) throw notStateDict(file, 'it holds no tensors');
  return tensors;
}

async function storageStart(
  file: string,
  zip: ZipFile,
  archive: Archive,
  storage: PickledStorage,
  key: string,
  known: Map<string, number>,
): Promise<number> {
  const entry = archive.entry(`data/${storage.key}`);
  if (storage.elements * bytesPerElement[storage.dtype] > entry.uncompressedSize)
    throw invalid(file, `declares more elements for ${key} than its storage has bytes for`);
  const start = known.get(storage.key) ?? (await dataStart(zip, entry));
  known.set(storage.key, start);
  return start;
}

function locate(file: string, key: string, tensor: PickledTensor, start: number): TensorEntry {
  const { storage, shape } = tensor;
  const count = elementCount(shape);
  if (count === undefined || tensor.offset + count > storage.elements)
    throw invalid(file, `has the tensor ${key}, which reaches beyond its storage`);
  if (!isContiguous(shape, tensor.stride))
    throw new UserError(
      'checkpoint-strides',
      `${file} stores the tensor ${key} non-contiguously (strides ${tensor.stride.join(', ')} for shape ${shape.join(', ')}).`,
      'Save it again with contiguous tensors ({k: v.contiguous() for k, v in state_dict.items()}).',
    );
  const size = bytesPerElement[storage.dtype];
  return { dtype: storage.dtype, shape, offset: start + tensor.offset * size, byteLength: count * size };
}

/** Row-major without gaps; the stride of a dimension of size 1 has no meaning (PyTorch's own rule). */
function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue;
    if (stride[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

function invalid(file: string, what: string): UserError {
  return new UserError(
    'checkpoint-invalid',
    `${file} is not a valid checkpoint: it ${what}.`,
    'Get the file again from its source.',
  );
}

function notStateDict(file: string, what: string): UserError {
  return new UserError(
    'checkpoint-no-state-dict',
    `${file} holds no state dict: ${what}.`,
    'Save the weights as torch.save({"model": model.state_dict()}, FILE).',
  );
}

/** What the ZIP reader throws means a damaged file; what the system throws is about the file's access. */
function damaged(file: string, error: unknown): unknown {
  if (error instanceof UserError) return error;
  if (systemCode(error)?.startsWith('E')) return explain(error, file);
  return new UserError(
    'checkpoint-truncated',
    `${file} is truncated or damaged: ${messageOf(error)}.`,
    'Get the file again and compare its size and sha256 with the source.',
    { cause: error },
  );
}
