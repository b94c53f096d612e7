import { registrySettings, resolveModel, type ResolvedModel } from '@medsam2/models';
import type { Segmenter } from '../engine/segmenter.js';
import type { DeviceChoice } from '../inference/devices.js';
import { openModel } from '../inference/open-model.js';
import type { CliIo } from './io.js';

export interface ModelFlags {
  readonly model?: string;
  readonly device: DeviceChoice;
  readonly threads?: number;
  /** bytes of slice features kept */
  readonly memory?: number;
}

/** A model in use. */
export interface ModelSession {
  readonly model: ResolvedModel;
  readonly segmenter: Segmenter;
  readonly device: string;
  readonly threads: number;
  readonly loadSeconds: number;
}

/**
 * The model that is meant, checked but not yet loaded: quick, so that a wrong name is told at once. Where none was named and
 * none is installed it is the built-in one, and that is said.
 */
export async function findModel(
  io: Pick<CliIo, 'env' | 'stderr'>,
  { model: name }: Pick<ModelFlags, 'model'>,
): Promise<ResolvedModel> {
  const model = await resolveModel(registrySettings(io.env), name);
  if (model.embedded && name === undefined) {
    const better = 'Better ones: medsam2 models list, then medsam2 models pull NAME or import FILE.';
    io.stderr.write(
      `note: No other model is installed; the built-in demonstration model ${model.name} is used. ${better}\n`,
    );
  }
  return model;
}

/** Loads a model; close its segmenter when done. */
export async function openSession(
  model: ResolvedModel,
  { device, threads, memory }: ModelFlags,
  log: (line: string) => void,
): Promise<ModelSession> {
  const started = performance.now();
  const opened = await openModel(model, { device, threads, featureBudget: memory, log });
  const loadSeconds = (performance.now() - started) / 1000;
  return { model, segmenter: opened.segmenter, device: opened.device, threads: opened.threads, loadSeconds };
}

/** What must be said of a model before its results are used. */
export function modelNotes({ name, licence, demonstration }: ResolvedModel): string[] {
  return [
    ...(demonstration ? [`${name} is a DEMONSTRATION model: do not rely on its masks.`] : []),
    ...(licence.restricted ? [`${name} is under ${licence.spdx}: ${licence.terms}`] : []),
  ];
}
