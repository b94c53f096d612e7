import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPython, testPython } from '../testing.js';
import { userError } from '../testing-errors.js';
import { openCheckpoint } from './open.js';
import { readTensor } from './tensor.js';

/** Files as PyTorch itself writes them, and what PyTorch says is in them. */
const script = `
import collections, json, sys, torch
folder = sys.stdin.read()
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.Conv2d(2, 4, 3), torch.nn.LayerNorm(7))
optimizer = torch.optim.AdamW(model.parameters())
for p in model.parameters(): p.grad = torch.ones_like(p)
optimizer.step()
state = model.state_dict()
base = torch.randn(40)
views = {"first": base[:12].view(3, 4), "second": base[12:], "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3)}
torch.save({"model": state, "optimizer": optimizer.state_dict(), "epoch": 3, "loss": {"a": [0.5, None, True, 2**70]}}, folder + "/trainer.pt")
torch.save(state, folder + "/flat.pt")
torch.save({"model": {"p": torch.nn.Parameter(torch.randn(3))}}, folder + "/parameter.pt")
torch.save({"model": views}, folder + "/views.pt")
torch.save({"model": {k: v.half() for k, v in state.items()}}, folder + "/half.pt")
torch.save({"model": {k: v.bfloat16() for k, v in state.items()}}, folder + "/bfloat.pt")
special = torch.tensor([0, 1, 0x8000, 0x3ff, 0x400, 0x7bff, 0x7c00, 0xfc00, 0x3555, 0xc000], dtype=torch.int32).to(torch.int16).view(torch.float16)
torch.save({"model": {"s": special}}, folder + "/special.pt")
torch.save({"model": {"t": torch.randn(3, 4).t()}}, folder + "/transposed.pt")
torch.save({"model": state}, folder + "/legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"model": {"q": torch.zeros(3).to(torch.float8_e4m3fn)}}, folder + "/float8.pt")
torch.save({"model": state, "when": __import__("datetime").date(2024, 1, 1)}, folder + "/foreign.pt")
torch.jit.script(torch.nn.Linear(2, 2)).save(folder + "/script.pt")
def values(tensors): return {k: [str(float(x)) for x in v.detach().float().flatten()] for k, v in tensors.items()}
print(json.dumps({
  "trainer.pt": values(state), "flat.pt": values(state), "views.pt": values(views),
  "parameter.pt": values(torch.load(folder + "/parameter.pt", weights_only=True)["model"]),
  "half.pt": values({k: v.half() for k, v in state.items()}),
  "bfloat.pt": values({k: v.bfloat16() for k, v in state.items()}), "special.pt": values({"s": special})}))
`;
const python = testPython();

(python ? describe : describe.skip)('files that PyTorch writes', () => {
  let folder: string;
  let expected: Record<string, Record<string, string[]>>;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'medsam2-torch-'));
    expected = JSON.parse(runPython(python ?? '', script, folder)) as typeof expected;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['trainer.pt', 'flat.pt', 'parameter.pt', 'views.pt', 'half.pt', 'bfloat.pt', 'special.pt'])(
    'reads the very numbers of %s',
    async (name) => {
      const checkpoint = await openCheckpoint(join(folder, name));
      expect([...checkpoint.tensors.keys()]).toEqual(Object.keys(expected[name]));
      for (const [key, numbers] of Object.entries(expected[name])) {
        const needed = Float32Array.from(numbers.map((text) => Number(text.replace('inf', 'Infinity'))));
        expect(await readTensor(checkpoint, key)).toEqual(needed);
      }
    },
  );

  const refused: [string, string, RegExp][] = [
    ['transposed.pt', 'checkpoint-strides', /tensor t/],
    ['legacy.pt', 'checkpoint-legacy', /before version 1\.6/],
    ['float8.pt', 'checkpoint-forbidden-global', /torch/],
    ['foreign.pt', 'checkpoint-forbidden-global', /datetime\.date/],
    ['script.pt', 'checkpoint-torchscript', /TorchScript/],
  ];
  it.each(refused)('refuses %s with %s', async (name, code, text) => {
    const error = await userError(() => openCheckpoint(join(folder, name)));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(text);
  });
});
