import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shippedGraphs } from '../bind/architectures.js';
import { sha256 } from '../files/hash.js';
import { pt, safetensors, tinyTensors } from '../testing-checkpoints.js';
import { userError } from '../testing-errors.js';
import { testRegistry, type TestRegistry } from '../testing-registry.js';
import { importModel } from './import.js';
import { shippedModels } from './known.js';
import { listModels } from './list.js';
import { removeModel } from './remove.js';
import { resolveModel } from './resolve.js';
import type { EmbeddedDescription } from './schemas.js';
import { registrySettings, type RegistrySettings } from './settings.js';
import { verifyModels } from './verify.js';

const description: EmbeddedDescription = {
  formatVersion: 1,
  name: 'small',
  title: 'A small model',
  architecture: 'tiny',
  view: 'roi',
  licence: { spdx: 'Apache-2.0', holder: 'us', url: 'https://example.org', restricted: false, terms: 'None.' },
  intendedUse: 'Tests.',
  trainingData: 'None.',
  demonstration: true,
};

let registry: TestRegistry;
let settings: RegistrySettings;
beforeEach(() => {
  registry = testRegistry();
  settings = { ...registry.settings, embeddedFolders: [join(registry.root, 'small')] };
  ship(1);
});
afterEach(() => registry.remove());

const shipped = () => join(registry.root, 'small', 'weights.safetensors');
const installed = (...path: string[]) => join(settings.directory, 'small', ...path);

/** What a release of the program brings. */
function ship(seed: number, change: Partial<EmbeddedDescription> = {}): void {
  mkdirSync(join(registry.root, 'small'), { recursive: true });
  writeFileSync(join(registry.root, 'small', 'model.json'), JSON.stringify({ ...description, ...change }));
  writeFileSync(shipped(), safetensors(tinyTensors(seed)));
}

async function importOther(name: string): Promise<void> {
  const file = join(registry.root, `${name}.pt`);
  writeFileSync(file, pt(tinyTensors(5)));
  await importModel(settings, file);
}

describe('a model that comes with the program', () => {
  it('is installed when it is first used, and then only read', async () => {
    const model = await resolveModel(settings, 'small');
    expect(model).toMatchObject({ name: 'small', view: 'roi', demonstration: true, embedded: true });
    expect(model.weightsSha256).toBe(sha256(readFileSync(shipped())));
    expect(statSync(installed('weights.safetensors')).ino).not.toBe(statSync(shipped()).ino);
    const before = registry.snapshot();
    expect((await resolveModel(settings, 'small')).directory).toBe(installed());
    expect(registry.snapshot()).toEqual(before);
  });

  it('is installed again when a release brings other weights or says something else of them', async () => {
    const first = await resolveModel(settings, 'small');
    ship(2);
    const second = await resolveModel(settings, 'small');
    expect(second.weightsSha256).toBe(sha256(readFileSync(shipped())));
    expect(second.weightsSha256).not.toBe(first.weightsSha256);
    ship(2, { view: 'full', title: 'Another title' });
    expect(await resolveModel(settings, 'small')).toMatchObject({ view: 'full', manifest: { title: 'Another title' } });
    expect(await verifyModels(settings)).toEqual([{ name: 'small', problems: [] }]);
  });

  it.each([
    ['weights', () => writeFileSync(installed('weights.safetensors'), 'damaged')],
    ['manifest', () => writeFileSync(installed('manifest.json'), '{')],
    ['missing weights', () => rmSync(installed('weights.safetensors'))],
  ])('is made anew when its copy is damaged: %s', async (_, damage) => {
    await resolveModel(settings, 'small');
    damage();
    expect((await verifyModels(settings, 'small'))[0].problems).not.toEqual([]);
    await resolveModel(settings, 'small');
    expect(await verifyModels(settings, 'small')).toEqual([{ name: 'small', problems: [] }]);
  });

  it('is made once by programs that are started together', async () => {
    const models = await Promise.all([1, 2, 3].map(() => resolveModel(settings, 'small')));
    expect(new Set(models.map(({ directory }) => directory))).toEqual(new Set([installed()]));
    expect(await verifyModels(settings)).toEqual([{ name: 'small', problems: [] }]);
  });

  it('is what is used when nothing else is installed, and steps back for what is', async () => {
    expect(await resolveModel(settings)).toMatchObject({ name: 'small', embedded: true });
    await importOther('mine');
    expect(await resolveModel(settings)).toMatchObject({ name: 'mine', embedded: false, view: 'full' });
    await importOther('other');
    const error = await userError(() => resolveModel(settings));
    expect(error).toMatchObject({ code: 'model-choice', remedy: 'Choose one with --model: mine, other.' });
  });

  it('says what to do where the models directory cannot be written', async () => {
    writeFileSync(join(registry.root, 'file'), '');
    const error = await userError(() =>
      resolveModel({ ...settings, directory: join(registry.root, 'file', 'models') }, 'small'),
    );
    expect(error).toMatchObject({
      code: 'embedded-not-installed',
      remedy: expect.stringMatching(/MEDSAM2_MODELS_DIR/) as string,
    });
  });

  it('is listed, verified and removed', async () => {
    const listed = async () => (await listModels(settings)).map(({ name, state, embedded }) => [name, state, embedded]);
    expect(await listed()).toEqual([['small', 'built-in', true]]);
    expect(await verifyModels(settings, 'small')).toEqual([{ name: 'small', problems: [] }]);
    expect(registry.snapshot()).toEqual([]);
    await resolveModel(settings, 'small');
    await importOther('mine');
    expect(await listed()).toEqual([['mine', 'installed', false], ['small', 'installed', true]]); // prettier-ignore
    await removeModel(settings, 'small');
    expect(await listed()).toEqual([['mine', 'installed', false], ['small', 'built-in', true]]); // prettier-ignore
    writeFileSync(shipped(), readFileSync(shipped()).subarray(0, 100));
    expect((await verifyModels(settings, 'small'))[0].problems).not.toEqual([]);
  });

  it('keeps its name', async () => {
    expect(await userError(() => importOther('small'))).toMatchObject({
      code: 'model-exists',
      remedy: expect.stringMatching(/--name/) as string,
    });
  });

  it('cannot have terms that nobody is asked to accept', async () => {
    const restricted = { ...description, licence: { ...description.licence, restricted: true } };
    writeFileSync(join(registry.root, 'small', 'model.json'), JSON.stringify(restricted));
    expect((await userError(() => resolveModel(settings, 'small'))).code).toBe('manifest-invalid');
  });
});

describe('the view of a model', () => {
  it('is the one it states, else that of its architecture, else the whole slice', async () => {
    const stated = async () => (await resolveModel(settings, 'small')).view;
    ship(1, { view: undefined });
    expect(await stated()).toBe('full');
    const file = join(registry.root, 'graphs', 'tiny', 'architecture.json');
    const architecture = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...architecture, view: 'roi' }));
    expect(await stated()).toBe('roi');
    ship(1, { view: 'full' });
    expect(await stated()).toBe('full');
  });
});

describe('how a model follows an object', () => {
  it('is what it states, else by memory, also where a newer program says otherwise', async () => {
    ship(1);
    expect((await resolveModel(settings, 'small')).following).toBe('memory');
    ship(1, { following: 'prompted' });
    expect((await resolveModel(settings, 'small')).following).toBe('prompted');
  });
});

describe('nano', () => {
  const directory = mkdtempSync(join(tmpdir(), 'medsam2-nano-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('comes with the program and works without a download', async () => {
    const refuse = () => Promise.reject(new Error('no network'));
    const ours = registrySettings({ MEDSAM2_MODELS_DIR: directory }, { fetch: refuse });
    expect((await listModels(ours))[0]).toMatchObject({ name: 'nano', state: 'built-in', restricted: false });
    expect(await verifyModels(ours, 'nano')).toEqual([{ name: 'nano', problems: [] }]);
    const model = await resolveModel(ours);
    expect(model).toMatchObject({
      name: 'nano',
      view: 'roi',
      following: 'prompted',
      demonstration: true,
      embedded: true,
    });
    expect(model.manifest).toMatchObject({
      licence: { spdx: 'Apache-2.0' },
      intendedUse: expect.stringMatching(/not for clinical use/) as string,
    });
    expect(await verifyModels(ours)).toEqual([{ name: 'nano', problems: [] }]);
  });

  it('has at most 12 MB, all files together', () => {
    const sizes = [...shippedModels(), join(shippedGraphs(), 'nano')].flatMap((folder) =>
      readdirSync(folder).map((name) => statSync(join(folder, name)).size),
    );
    expect(sizes.length).toBeGreaterThanOrEqual(7);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(12e6);
  });
});
