import { joinPrompts, resolveRange } from '../../engine/prompts.js';
import { LabelMapAssembler, type Assembly } from '../../engine/assemble.js';
import type { Segmenter } from '../../engine/segmenter.js';
import type { AbsentObject, Direction, EngineOptions, ImageSource, ObjectPrompts } from '../../engine/types.js';
import type { WindowSpec } from '../../imaging/window-spec.js';
import { createImageSource, resolveWindow, type ResolvedWindow, type WindowMode } from '../../imaging/window.js';
import type { Volume } from '../../imaging/volume.js';

/** What is done to a volume, whoever asks for it. */
export interface SegmentSettings {
  readonly window: WindowSpec;
  readonly windowMode: WindowMode;
  readonly direction: Direction;
  /** inclusive, from 0; default: all slices */
  readonly range?: { readonly first: number; readonly last: number };
  readonly options: EngineOptions;
}

/** A volume with its prompts, checked: ready to be segmented. */
export interface PreparedVolume {
  readonly volume: Volume;
  readonly objects: readonly ObjectPrompts[];
  readonly settings: SegmentSettings;
  readonly window: ResolvedWindow;
  readonly source: ImageSource;
}

export interface SegmentedVolume {
  readonly assembly: Assembly;
  readonly absent: readonly AbsentObject[];
  /** over all objects */
  readonly slices: number;
  readonly secondsToFirstMask: number | undefined;
  readonly seconds: number;
}

/**
 * Checks prompts, range and window against the volume, before a model is loaded for them.
 *
 * @throws UserError those of `resolveWindow`, `resolveRange` and `joinPrompts`
 */
export function prepareVolume(
  volume: Volume,
  objects: readonly ObjectPrompts[],
  settings: SegmentSettings,
): PreparedVolume {
  const window = resolveWindow(volume, settings.window, settings.windowMode);
  const source = createImageSource(volume, window);
  const range = resolveRange(settings, source);
  for (const object of objects) joinPrompts(object, source, range);
  return { volume, objects, settings, window, source };
}

/**
 * Runs the engine on one volume and puts the results into a label map.
 *
 * @param onProgress slices finished and expected, over all objects
 * @throws those of `SegmentationTarget.segment`
 */
export async function segmentVolume(
  segmenter: Segmenter,
  { objects, settings, source }: PreparedVolume,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<SegmentedVolume> {
  const { direction, range, options } = settings;
  const assembler = new LabelMapAssembler({
    slices: source.slices,
    rows: source.rows,
    columns: source.columns,
    labels: objects.map(({ label }) => label),
    nonOverlap: options.nonOverlap,
    largestComponent: options.largestComponent,
  });
  const absent: AbsentObject[] = [];
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1000;
  let secondsToFirstMask: number | undefined;
  let slices = 0;
  const target = segmenter.open(source);
  try {
    for await (const event of target.segment({ objects, direction, range, options, signal })) {
      switch (event.type) {
        case 'slice':
          secondsToFirstMask ??= elapsed();
          slices++;
          assembler.add(event);
          break;
        case 'absent':
          absent.push({ label: event.label, slice: event.slice, iou: event.iou, presence: event.presence });
          break;
        case 'progress':
          onProgress(event.done, event.total);
          break;
        case 'stopped': // never asked for here
          break;
      }
    }
  } finally {
    target.close();
  }
  const seconds = elapsed();
  signal.throwIfAborted();
  return { assembly: assembler.finish(), absent, slices, secondsToFirstMask, seconds };
}
