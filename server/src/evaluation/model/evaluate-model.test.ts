import { sharedData } from '@medsam2/models/testing';
import { join } from 'node:path';
import sharp from 'sharp';
import { defaultOptions } from '../../engine/options.js';
import { Segmenter } from '../../engine/segmenter.js';
import { MemoryRunner } from '../../engine/testing/memory-runner.js';
import { evaluateModelOnCase, type CaseResult, type StructurePictures } from './evaluate-model.js';
import { loadFolderCase, type LabelledCase } from './load-case.js';
import { markdownReport, textReport, type ModelEvaluation } from './model-report.js';
import { renderResultSheet } from './sheet.js';

const [slices, rows, columns] = [12, 32, 32];
const extent = [4, 5, 6];

/** A bright block on slices 4 to 6, which the toy model of the tests finds because it is bright; largest on slice 5. */
function brightBlock(): LabelledCase {
  const images = new Uint8Array(slices * rows * columns).fill(20);
  const labels = new Uint8Array(images.length);
  for (const slice of extent) {
    const last = slice === 5 ? 23 : 19;
    for (let y = 8; y <= last; y++) {
      const row = (slice * rows + y) * columns;
      images.fill(220, row + 8, row + 24);
      labels.fill(3, row + 8, row + 24);
    }
  }
  const image = (slice: number): Uint8Array => images.subarray(slice * rows * columns, (slice + 1) * rows * columns);
  return {
    name: 'mr_block',
    source: { slices, rows, columns, channels: 1, image },
    labels,
    names: new Map([[3, 'block']]),
    spacing: [1, 1, 2],
    unit: 'mm',
    modality: 'MR',
    window: 'none',
  };
}

async function evaluate(labelled: LabelledCase): Promise<{ result: CaseResult; pictures: StructurePictures[] }> {
  const segmenter = new Segmenter(new MemoryRunner(), { featureBudget: 1e6 });
  const pictures: StructurePictures[] = [];
  const result = await evaluateModelOnCase(segmenter, labelled, { engine: defaultOptions, tolerance: 2 }, (shown) =>
    pictures.push(shown),
  );
  return { result, pictures };
}

describe('evaluateModelOnCase', () => {
  it('prompts on the largest slice and scores what the engine makes of it, beside the baselines', async () => {
    const { result } = await evaluate(brightBlock());
    expect(result.structures).toHaveLength(1);
    const [{ key, boxSide, extent: extentLength, scores, traits, ...rest }] = result.structures;
    expect(rest).toMatchObject({ name: 'block', label: 3, connected: true, slices });
    expect([key, boxSide, extentLength]).toEqual([5, 16, 3]);
    expect(traits.contrast).toBeCloseTo(200, 12);
    expect(scores.model.keyDice).toBeGreaterThan(0.85);
    expect(scores.model.dice).toBeGreaterThan(0.8);
    expect(scores.model.ends.map(({ overshoot }) => overshoot)).toEqual([0, 0]);
    expect(scores.threshold).toMatchObject({ keyDice: 1, dice: 1 });
    // An ellipse fills pi/4 of its box.
    expect(scores.ellipse.keyDice).toBeCloseTo((2 * (Math.PI / 4)) / (1 + Math.PI / 4), 1);
  });

  it('shows the prompted slice with its box, and the slice that is most wrong', async () => {
    const { pictures } = await evaluate(brightBlock());
    const [{ key, worst }] = pictures;
    expect(key).toMatchObject({ slice: 5, slices });
    const [x0, y0, x1, y1] = key.box ?? [0, 0, 0, 0];
    expect([key.truth[y0 * key.columns + x0], key.truth[y1 * key.columns + x1]]).toEqual([1, 1]);
    expect([x1 - x0, y1 - y0]).toEqual([15, 15]);
    expect(key.image.length).toBe(key.rows * key.columns);
    expect(extent).toContain(worst.slice);
    const sheet = await sharp(await renderResultSheet(pictures)).metadata();
    expect(sheet).toMatchObject({ format: 'png' });
  });

  it('goes on from what was finished before', async () => {
    const first = await evaluate(brightBlock());
    const runner = new MemoryRunner();
    const segmenter = new Segmenter(runner, { featureBudget: 1e6 });
    const finished = (label: number) => (label === 3 ? first.pictures[0] : undefined);
    const shown: StructurePictures[] = [];
    const options = { engine: defaultOptions, tolerance: 2, finished };
    const again = await evaluateModelOnCase(segmenter, brightBlock(), options, (one) => shown.push(one));
    expect([again, shown]).toEqual([first.result, first.pictures]);
    expect(runner.encoded).toEqual([]);
  });

  it('draws no sheet of nothing', async () => {
    expect(await renderResultSheet([])).toBeUndefined();
  });
});

describe('reports', () => {
  it('state the model, the figures and the bars', async () => {
    const { result } = await evaluate(brightBlock());
    const evaluation: ModelEvaluation = {
      model: { name: 'toy', architecture: 'toy', weightsSha256: '0123456789abcdef0123' },
      view: 'full',
      following: 'memory',
      tolerance: 2,
      command: 'node scripts/evaluate-model.mjs --model toy',
      machine: '2 cores',
      groups: { scenes: [result], phantoms: [], real: [] },
      speed: { loadSeconds: 0.5, slicesPerSecond: 20, segmentSeconds: 16, segmentSlices: 112 },
      pictures: [{ file: 'images/a.png', title: 'Held-out scenes' }],
    };
    const [{ scores }] = result.structures;
    const markdown = markdownReport(evaluation);
    expect(markdown).toContain('node scripts/evaluate-model.mjs --model toy');
    expect(markdown).toContain('weights sha256 0123456789abcdef…');
    expect(markdown).toContain('![Held-out scenes](images/a.png)');
    expect(markdown).toContain(`| held-out scenes | model | 1 | ${scores.model.keyDice.toFixed(3)} |`);
    expect(markdown).toContain('| scenes: mr | 1 |');
    expect(markdown).toMatch(/medsam2 segment of 112 slices \| < 15.00 s \| 16.00 s \| FAIL/);
    expect(markdown).toMatch(/one object through a volume \| ≥ 15.0 slices\/s \| 20.0 slices\/s \| pass/);
    expect(markdown).toMatch(/median volume Dice \| ≥ 0.700 \| not measured \| +\|/);
    expect(textReport(evaluation)).toMatch(/^mr|scenes: mr +1 /m);
    expect(textReport({ ...evaluation, limit: 5 })).toContain('interim figures');
  });
});

const data = sharedData();
if (data === undefined) process.stdout.write('skipped: labelled cases (no shared data beside the repository)\n');
(data === undefined ? describe.skip : describe)('labelled cases', () => {
  it('reads a series with its labels, their names and the window of the command line', async () => {
    const labelled = await loadFolderCase(join(data ?? '', 'mr_breast_crop'));
    expect(labelled).toMatchObject({ name: 'mr_breast_crop', unit: 'mm', modality: 'MR' });
    expect(labelled.names.get(1)).toBe('breast lesion');
    expect([...labelled.labels].filter((label) => label === 1).length).toBe(143);
    expect(labelled.window).toContain('percentiles 0.5 and 99.5');
    expect(labelled.spacing.map((mm) => Number(mm.toFixed(3)))).toEqual([0.664, 0.664, 2.1]);
  });

  it('measures frames of a clip in pixels', async () => {
    const labelled = await loadFolderCase(join(data ?? '', 'synth_us'));
    expect(labelled).toMatchObject({ unit: 'px', spacing: [1, 1, 1] });
    expect([...labelled.names.values()]).toEqual(['chamber', 'wall']);
  });
});
