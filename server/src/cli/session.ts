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

/** The model that is meant, checked but not yet loaded: quick, so that a wrong name is told at once. */
export function findModel(io: CliIo, { model }: Pick<ModelFlags, 'model'>): Promise<ResolvedModel> {
  return resolveModel(registrySettings(io.env), model);
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
    ...(demonstration ? [`${name} is a DEMONSTRATION model: its masks mean nothing.`] : []),
    ...(licence.restricted ? [`${name} is under ${licence.spdx}: ${licence.terms}`] : []),
  ];
}
