import { importModel, registrySettings, resolveModel, type ResolvedModel } from '@medsam2/models';
import { runPython, testPython, repositoryRoot } from '@medsam2/models/testing';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Graphs bound to weights files that PyTorch wrote, run by onnxruntime straight from those files. The runtime works in a
 * process of its own, because Jest's realm has other arrays and because memory is measured.
 */

/** Loads all graphs of a model, runs the image encoder, prints outputs and what the process holds (MiB). */
const runner = `
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
const { graphs, side, options } = JSON.parse(process.argv[1]);
const held = () => process.platform !== 'linux' ? undefined :
  Number(/^RssAnon:\\s+(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
const before = held();
const sessions = [];
for (const path of graphs) sessions.push(await ort.InferenceSession.create(path, options));
const loaded = held();
const image = Float32Array.from({ length: 3 * side * side }, (_, at) => Math.sin(at / 50));
const output = await sessions[0].run({ image: new ort.Tensor('float32', image, [1, 3, side, side]) });
console.log(JSON.stringify({ feat: [...output.feat.data.slice(0, 4096)], held: before === undefined ? undefined : loaded - before }));
`;

interface Run {
  readonly feat: number[];
  readonly held?: number;
}

function run({ graphPaths, architecture }: ResolvedModel, options: object = {}): Run {
  const { image_encoder, memory_attention, mask_decoder, memory_encoder } = graphPaths;
  const graphs = [image_encoder, memory_attention, mask_decoder, memory_encoder];
  const argument = JSON.stringify({
    graphs,
    side: architecture.imageSize,
    options: { intraOpNumThreads: 2, ...options },
  });
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', runner, argument], {
    cwd: repositoryRoot(),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout) as Run;
}

/** A full-size random checkpoint as .pt and .safetensors, in float32 and in halves, and the halves widened by torch. */
const script = `
import json, struct, sys, torch
folder, table = sys.stdin.read().split("\\n")
shapes = json.load(open(table))["tensors"]
generator = torch.Generator().manual_seed(7)
state = {k: torch.randn(v["shape"], generator=generator) * 0.03 for k, v in shapes.items()}
def save(path, tensors, name, padding=0):
    header, at = {}, 0
    for k, v in tensors.items():
        header[k] = {"dtype": name, "shape": list(v.shape), "data_offsets": [at, at := at + v.numel() * v.element_size()]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8 + padding)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for v in tensors.values(): f.write(v.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
torch.save({"model": state, "epoch": 1}, folder + "/float.pt")
save(folder + "/float.safetensors", state, "F32")
save(folder + "/odd.safetensors", state, "F32", padding=3)
half = {k: v.half() for k, v in state.items()}
torch.save({"model": half}, folder + "/half.pt")
save(folder + "/half.safetensors", half, "F16")
save(folder + "/half-widened.safetensors", {k: v.float() for k, v in half.items()}, "F32")
bfloat = {k: v.bfloat16() for k, v in state.items()}
save(folder + "/bfloat.safetensors", bfloat, "BF16")
save(folder + "/bfloat-widened.safetensors", {k: v.float() for k, v in bfloat.items()}, "F32")
`;
const python = testPython();

(python ? describe : describe.skip)('full-size MedSAM2 graphs bound to full-size weights', () => {
  let folder: string;
  const models = new Map<string, ResolvedModel>();
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'medsam2-binding-'));
    const table = join(repositoryRoot(), 'models', 'graphs', 'medsam2', 'architecture.json');
    runPython(python ?? '', script, `${folder}\n${table}`);
    const settings = registrySettings({ MEDSAM2_MODELS_DIR: join(folder, 'models') });
    for (const file of [
      'float.pt',
      'float.safetensors',
      'odd.safetensors',
      'half.pt',
      'half.safetensors',
      'half-widened.safetensors',
      'bfloat.safetensors',
      'bfloat-widened.safetensors',
    ]) {
      const { name } = await importModel(settings, join(folder, file), {
        name: file.replace('.', '-'),
        config: 'sam2.1_hiera_t512',
      });
      models.set(file, await resolveModel(settings, name));
    }
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const model = (file: string): ResolvedModel => {
    const found = models.get(file);
    if (!found) throw new Error(`no model ${file}`);
    return found;
  };

  it('gives the same numbers from .pt, from .safetensors, and from tensors at odd offsets', () => {
    const { feat } = run(model('float.pt'));
    expect(feat.every(Number.isFinite)).toBe(true);
    expect(new Set(feat).size).toBeGreaterThan(1000);
    expect(run(model('float.safetensors')).feat).toEqual(feat);
    expect([...model('odd.safetensors').checkpoint.tensors.values()].some(({ offset }) => offset % 4 !== 0)).toBe(true);
    expect(run(model('odd.safetensors')).feat).toEqual(feat);
  });

  it.each([
    ['half.pt', 'half-widened.safetensors'],
    ['half.safetensors', 'half-widened.safetensors'],
    ['bfloat.safetensors', 'bfloat-widened.safetensors'],
  ])('gives from %s what the same weights give as float32', (stored, widened) => {
    const { feat } = run(model(stored));
    expect(feat).toEqual(run(model(widened)).feat);
    expect(feat).not.toEqual(run(model('float.pt')).feat);
  });

  (process.platform === 'linux' ? it : it.skip)('does not hold the weights twice', () => {
    const weights = model('float.pt').manifest.weights.bytes / 2 ** 20;
    const { held = NaN } = run(model('float.pt'));
    const unpacked = run(model('float.pt'), { extra: { session: { disable_prepacking: '1' } } }).held ?? NaN;
    process.stderr.write(
      `weights ${weights.toFixed(0)} MiB; private memory after loading: ${held.toFixed(0)} MiB, without prepacking ${unpacked.toFixed(0)} MiB\n`,
    );
    // Packed matrices replace the mapped ones (which are then never read again); without packing the mapped ones are used.
    expect(held).toBeLessThan(1.5 * weights);
    expect(unpacked).toBeLessThan(0.6 * weights);
  });
});
