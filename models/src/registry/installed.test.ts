import {
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readTensor } from '../checkpoint/tensor.js';
import { sha256 } from '../files/hash.js';
import { pt, safetensors, tinyTensors, writeTinyArchitecture } from '../testing-checkpoints.js';
import { userError } from '../testing-errors.js';
import { testRegistry, type TestRegistry } from '../testing-registry.js';
import { importModel } from './import.js';
import { listModels } from './list.js';
import { removeModel } from './remove.js';
import { resolveModel } from './resolve.js';
import { verifyModels } from './verify.js';

const weights = pt(tinyTensors(1));
let registry: TestRegistry;
beforeEach(() => {
  registry = testRegistry();
});
afterEach(() => registry.remove());

function file(name: string, content: Uint8Array = weights): string {
  const path = join(registry.root, name);
  writeFileSync(path, content);
  return path;
}
const inModel = (...path: string[]) => join(registry.settings.directory, ...path);

describe('importModel', () => {
  it('links the file by default, names the model after it, and finds the architecture', async () => {
    const source = file('My Weights (v2).pt');
    const manifest = await importModel(registry.settings, source);
    expect(manifest).toMatchObject({ name: 'my-weights-v2', architecture: 'tiny', licence: { spdx: 'unknown' } });
    expect(manifest.origin).toMatchObject({ kind: 'import', from: 'My Weights (v2).pt', checked: 'recorded' });
    expect(manifest.weights.sha256).toBe(sha256(weights));
    expect(statSync(inModel('my-weights-v2', 'weights.pt')).ino).toBe(statSync(source).ino);
  });

  it('copies on demand', async () => {
    const source = file('a.pt');
    await importModel(registry.settings, source, { config: 'tiny_config', placement: 'copy' });
    expect(statSync(inModel('a', 'weights.pt')).ino).not.toBe(statSync(source).ino);
    expect(readFileSync(inModel('a', 'weights.pt'))).toEqual(weights);
  });

  it('follows a symbolic link to the file itself', async () => {
    symlinkSync(file('blob', safetensors(tinyTensors(1))), join(registry.root, 'link.safetensors'));
    const manifest = await importModel(registry.settings, join(registry.root, 'link.safetensors'));
    expect(manifest).toMatchObject({ name: 'link', weights: { file: 'weights.safetensors' } });
    expect((await resolveModel(registry.settings, 'link')).checkpoint.format).toBe('safetensors');
  });

  it('applies the terms of a known model, by hash, by file name and by given name', async () => {
    const licence = { spdx: 'X', holder: 'x', url: 'https://example.org', restricted: true, terms: 'Research only.' };
    registry.know({ licence, source: { url: 'https://example.org/Published.pt', sha256: sha256(weights) } });
    expect((await userError(() => importModel(registry.settings, file('a.pt')))).code).toBe('terms-not-accepted');
    expect((await userError(() => importModel(registry.settings, file('a.pt'), { name: 'mine' }))).code).toBe(
      'terms-not-accepted',
    );
    const manifest = await importModel(registry.settings, file('a.pt'), { acceptTerms: ['toy'] });
    expect(manifest).toMatchObject({
      name: 'toy',
      origin: { checked: 'known' },
      acceptance: { user: 'tester' },
      demonstration: true,
    });

    const other = file('Published.pt', pt(tinyTensors(2)));
    const pretender = await userError(() => importModel(registry.settings, other, { acceptTerms: ['toy'] }));
    expect(pretender.code).toBe('model-hash');
    registry.know({ licence, source: { url: 'https://example.org/Published.pt', sha256: null } });
    expect((await userError(() => importModel(registry.settings, other))).code).toBe('terms-not-accepted');
    expect((await importModel(registry.settings, other, { name: 'own' })).licence.spdx).toBe('unknown');
  });

  it('replaces an installed model only on demand', async () => {
    await importModel(registry.settings, file('a.pt'));
    const before = registry.snapshot();
    const next = file('b.pt', pt(tinyTensors(2)));
    expect((await userError(() => importModel(registry.settings, next, { name: 'a' }))).code).toBe('model-exists');
    expect(registry.snapshot()).toEqual(before);
    await importModel(registry.settings, next, { name: 'a', replace: true });
    const { checkpoint } = await resolveModel(registry.settings, 'a');
    expect(await readTensor(checkpoint, 'host_tensor')).toEqual(Float32Array.of(2, 2.5, -2));
  });

  it('marks a demonstration', async () => {
    await importModel(registry.settings, file('a.pt'), { demonstration: true });
    expect((await resolveModel(registry.settings)).demonstration).toBe(true);
  });

  const refused: [string, () => Promise<unknown>, string][] = [
    ['a missing file', () => importModel(registry.settings, join(registry.root, 'missing.pt')), 'file-not-found'],
    ['an empty file', () => importModel(registry.settings, file('a.pt', Buffer.alloc(0))), 'checkpoint-empty'],
    [
      'a truncated file',
      () => importModel(registry.settings, file('a.pt', weights.subarray(0, 900))),
      'checkpoint-truncated',
    ],
    [
      'other weights',
      () => importModel(registry.settings, file('a.pt', pt({ w: { shape: [1], values: Float32Array.of(1) } }))),
      'checkpoint-mismatch',
    ],
    [
      'an unknown architecture',
      () => importModel(registry.settings, file('a.pt'), { config: 'huge' }),
      'architecture-unknown',
    ],
    ['a name that climbs', () => importModel(registry.settings, file('a.pt'), { name: '../../a' }), 'model-name'],
    ['a file whose name gives none', () => importModel(registry.settings, file('....pt')), 'model-name'],
    [
      'damaged graphs',
      () => {
        writeFileSync(join(registry.root, 'graphs', 'tiny', 'mask_decoder.onnx'), 'damaged');
        return importModel(registry.settings, file('a.pt'));
      },
      'graph-damaged',
    ],
  ];
  it.each(refused)('refuses %s and leaves nothing behind', async (_, call, code) => {
    expect((await userError(call)).code).toBe(code);
    expect(registry.snapshot().filter((path) => !/^\.\w+\/$/.test(path))).toEqual([]);
    expect(await listModels(registry.settings)).toEqual([]);
  });

  it('says which architectures there are when weights fit several', async () => {
    const more = join(registry.root, 'more');
    writeTinyArchitecture(more);
    const described = join(more, 'tiny', 'architecture.json');
    writeFileSync(described, readFileSync(described, 'utf8').replace('"name":"tiny"', '"name":"twin"'));
    const settings = { ...registry.settings, graphFolders: [...registry.settings.graphFolders, more] };
    const error = await userError(() => importModel(settings, file('a.pt')));
    expect(error).toMatchObject({
      code: 'architecture-ambiguous',
      remedy: expect.stringMatching(/tiny, twin/) as string,
    });
    expect((await importModel(settings, file('a.pt'), { config: 'twin' })).architecture).toBe('twin');
  });
});

describe('resolveModel', () => {
  beforeEach(async () => {
    await importModel(registry.settings, file('a.pt'));
  });

  it('gives the engine what it needs', async () => {
    const model = await resolveModel(registry.settings, 'a');
    expect(model).toMatchObject({
      name: 'a',
      directory: inModel('a'),
      weightsSha256: sha256(weights),
      demonstration: false,
    });
    expect(model.graphPaths.mask_decoder).toBe(inModel('a', 'mask_decoder.onnx'));
    expect(model.architecture.imageSize).toBe(32);
    expect(await readTensor(model.checkpoint, 'host_tensor')).toEqual(Float32Array.of(1, 1.5, -1));
  });

  it('takes the only model when none is named, and a folder by its path', async () => {
    expect((await resolveModel(registry.settings)).name).toBe('a');
    renameSync(inModel('a'), join(registry.root, 'moved'));
    expect((await resolveModel(registry.settings, join(registry.root, 'moved'))).name).toBe('a');
  });

  it('binds again when the graphs of the program have changed, or a bound graph is damaged or gone', async () => {
    const before = readFileSync(inModel('a', 'image_encoder.onnx'));
    writeTinyArchitecture(join(registry.root, 'graphs'), 'a newer release');
    expect((await resolveModel(registry.settings, 'a')).manifest.graphs.image_encoder.source).not.toBe('');
    const after = readFileSync(inModel('a', 'image_encoder.onnx'));
    expect(after).not.toEqual(before);
    expect(await verifyModels(registry.settings)).toEqual([{ name: 'a', problems: [] }]);
    writeFileSync(inModel('a', 'image_encoder.onnx'), 'damaged');
    rmSync(inModel('a', 'mask_decoder.onnx'));
    await resolveModel(registry.settings, 'a');
    expect(readFileSync(inModel('a', 'image_encoder.onnx'))).toEqual(after);
    expect(existsSync(inModel('a', 'mask_decoder.onnx'))).toBe(true);
  });

  it('accepts weights with another time and the same content, and no others', async () => {
    utimesSync(inModel('a', 'weights.pt'), 1e9, 1e9);
    expect((await resolveModel(registry.settings, 'a')).name).toBe('a');
    const other = Buffer.from(weights);
    other[other.indexOf(Buffer.from(Float32Array.of(1.5).buffer))] ^= 1;
    writeFileSync(inModel('a', 'weights.pt'), other);
    expect((await userError(() => resolveModel(registry.settings, 'a'))).code).toBe('model-changed');
    const [{ problems }] = await verifyModels(registry.settings, 'a');
    expect(problems).toEqual([expect.stringMatching(/sha256 differs/)]);
  });

  it('says what is missing in each case', async () => {
    expect(await userError(() => resolveModel(registry.settings, 'b'))).toMatchObject({
      code: 'model-not-installed',
      remedy: expect.stringMatching(/Installed: a\./) as string,
    });
    registry.know();
    expect((await userError(() => resolveModel(registry.settings, 'toy'))).remedy).toMatch(/models pull toy/);
    expect((await userError(() => resolveModel(registry.settings, file('raw.pt')))).remedy).toMatch(/models import/);
    await importModel(registry.settings, file('c.pt'));
    expect(await userError(() => resolveModel(registry.settings))).toMatchObject({
      code: 'model-choice',
      remedy: expect.stringMatching(/a, c/) as string,
    });
    await removeModel(registry.settings, 'a');
    await removeModel(registry.settings, 'c');
    expect((await userError(() => resolveModel(registry.settings))).code).toBe('no-model');
  });
});

describe('verifyModels, listModels and removeModel', () => {
  it('say why a model is broken', async () => {
    for (const name of ['a', 'b', 'c', 'd'])
      await importModel(registry.settings, file(`${name}.pt`), { placement: 'copy' });
    rmSync(inModel('a', 'manifest.json'));
    writeFileSync(inModel('b', 'weights.pt'), weights.subarray(0, 100));
    writeFileSync(inModel('c', 'memory_encoder.onnx'), 'damaged');
    mkdirSync(inModel('.staging', 'leftover'), { recursive: true });
    const states = (await listModels(registry.settings)).map(({ name, state, reason }) => [name, state, reason ?? '']);
    expect(states).toEqual([
      ['a', 'broken', expect.stringMatching(/manifest\.json is missing/)],
      ['b', 'broken', expect.stringMatching(/100 bytes instead of/)],
      ['c', 'installed', ''],
      ['d', 'installed', ''],
    ]);
    const problems = Object.fromEntries(
      (await verifyModels(registry.settings)).map((each) => [each.name, each.problems.join(' ')]),
    );
    expect(problems).toEqual({
      a: expect.stringMatching(/manifest/) as string,
      b: expect.stringMatching(/size differs.*truncated/) as string,
      c: expect.stringMatching(/memory_encoder\.onnx is not as it was installed/) as string,
      d: '',
    });
    expect((await userError(() => resolveModel(registry.settings, 'a'))).code).toBe('model-broken');
  });

  it('remove the model and not the file it came from', async () => {
    const source = file('a.pt');
    await importModel(registry.settings, source);
    await removeModel(registry.settings, 'a');
    expect(existsSync(inModel('a'))).toBe(false);
    expect(readFileSync(source)).toEqual(weights);
    expect((await userError(() => removeModel(registry.settings, 'a'))).code).toBe('model-not-installed');
    expect((await userError(() => removeModel(registry.settings, '..'))).code).toBe('model-name');
    expect((await userError(() => verifyModels(registry.settings, 'a'))).code).toBe('model-not-installed');
  });

  it('finish what a killed process left half done', async () => {
    await importModel(registry.settings, file('a.pt'));
    mkdirSync(inModel('.replaced'));
    renameSync(inModel('a'), inModel('.replaced', 'a')); // killed between the two renames of a replacement
    mkdirSync(inModel('.staging', 'a'), { recursive: true });
    writeFileSync(inModel('.staging', 'a', 'weights.pt'), 'half');
    expect((await userError(() => importModel(registry.settings, file('b.pt'), { name: 'a' }))).code).toBe(
      'model-exists',
    );
    expect((await resolveModel(registry.settings, 'a')).weightsSha256).toBe(sha256(weights));
    expect(existsSync(inModel('.staging', 'a'))).toBe(false);
  });
});
