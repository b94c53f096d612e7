import { openCheckpoint, readTensor, type Checkpoint } from '@medsam2/models';
import type { EngineOptions, ImageSource, ObjectPrompts, Point, Prompt } from '@medsam2/server';
import { parityPresets } from '@medsam2/server';

interface RecordedPrompt {
  readonly slice: number;
  readonly kind: 'box' | 'points' | 'mask';
  readonly box?: [number, number, number, number];
  readonly points?: [number, number][];
  readonly labels?: (0 | 1)[];
}

interface RecordedFlow {
  readonly conditioning: 'mask' | 'direct';
  readonly prompts: readonly RecordedPrompt[];
}

/** One direction of one flow, as the reference answered it. */
export interface RecordedPass {
  /** slice indices in the order of the answers */
  readonly slices: number[];
  /** [n][maskSize][maskSize] */
  readonly logits: Float32Array;
  readonly presence: Float32Array;
  /** [n][rows][columns], 0 or 1 */
  readonly masks: Float32Array;
}

/** A file written by `models/python/record_reference.py`. */
export class Reference {
  private constructor(
    private readonly file: Checkpoint,
    readonly flows: Readonly<Record<string, RecordedFlow>>,
    readonly source: ImageSource,
  ) {}

  static async open(path: string): Promise<Reference> {
    const file = await openCheckpoint(path);
    const flows = JSON.parse(file.metadata.flows) as Record<string, RecordedFlow>;
    const shape = file.tensors.get('scene')?.shape;
    if (shape === undefined) throw new Error(`${path} has no scene`);
    const [slices, rows, columns] = shape;
    const scene = Uint8Array.from(await readTensor(file, 'scene'));
    const area = rows * columns;
    const image = (slice: number) => scene.subarray(slice * area, (slice + 1) * area);
    return new Reference(file, flows, { slices, rows, columns, channels: 1, image });
  }

  /** Names of the recorded tensors that begin with a prefix, without it. */
  keys(prefix: string): string[] {
    return [...this.file.tensors.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }

  shape(key: string): readonly number[] {
    const tensor = this.file.tensors.get(key);
    if (tensor === undefined) throw new Error(`no tensor ${key} was recorded`);
    return tensor.shape;
  }

  tensor(key: string): Promise<Float32Array> {
    return readTensor(this.file, key);
  }

  async pass(flow: string, direction: 'forward' | 'backward'): Promise<RecordedPass> {
    const at = (name: string) => this.tensor(`flow/${flow}/${direction}/${name}`);
    return {
      slices: [...(await at('slices'))],
      logits: await at('logits'),
      presence: await at('presence'),
      masks: await at('masks'),
    };
  }

  /** The flow's prompts and options in the engine's terms. */
  async request(flow: string): Promise<{ object: ObjectPrompts; options: EngineOptions }> {
    const { prompts, conditioning } = this.flows[flow];
    const translated: Prompt[] = [];
    for (const prompt of prompts) translated.push(await this.translate(flow, prompt));
    return { object: { label: 1, prompts: translated }, options: { ...parityPresets.cpu, conditioning } };
  }

  private async translate(flow: string, { slice, kind, box, points, labels }: RecordedPrompt): Promise<Prompt> {
    if (kind === 'mask') {
      const mask = await this.tensor(`flow/${flow}/given/${slice}`);
      return { kind, slice, mask: Uint8Array.from(mask) };
    }
    const listed = (points ?? []).map(([x, y], index): Point => ({ x, y, label: labels?.[index] ?? 1 }));
    if (box !== undefined) return { kind: 'box', slice, box, points: listed };
    return { kind: 'points', slice, points: listed };
  }
}

/** Largest absolute difference of two arrays of equal length. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    // NaN would pass every comparison with `>`.
    if (Number.isNaN(difference)) return Infinity;
    if (difference > largest) largest = difference;
  }
  return largest;
}
