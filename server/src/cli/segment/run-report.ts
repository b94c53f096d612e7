import type { AssembledObject } from '../../engine/assemble.js';
import type { AbsentObject, ObjectPrompts, Prompt } from '../../engine/types.js';
import { voxelVolume } from '../../imaging/geometry.js';
import { describeWindow } from '../../imaging/window.js';
import type { Volume } from '../../imaging/volume.js';
import { runReportSchema, type RunReport } from '../../report/run-report.js';
import type { ModelSession } from '../session.js';
import { programVersion, runtimeVersion } from '../versions.js';
import type { PreparedVolume, SegmentedVolume } from './segment-volume.js';

/** What the report says beyond the run itself. */
export interface ReportFacts {
  readonly input: { readonly name: string; readonly sha256: string };
  readonly names: ReadonlyMap<number, string>;
  /** name of what was written */
  readonly file: string | undefined;
  readonly started: Date;
  readonly readSeconds: number;
  readonly modelSeconds: number;
  readonly writeSeconds: number;
  readonly warnings: readonly string[];
}

/** The report of one run, checked against its schema. */
export function buildRunReport(
  session: ModelSession,
  prepared: PreparedVolume,
  result: SegmentedVolume,
  facts: ReportFacts,
): RunReport {
  const { model } = session;
  const { volume, settings, window, objects } = prepared;
  const { geometry } = volume;
  const { options, range } = settings;
  const report: RunReport = {
    format: 'medsam2-run',
    format_version: 1,
    demonstration: model.demonstration,
    program: {
      name: 'medsam2',
      version: programVersion(),
      node: process.versions.node,
      onnxruntime: runtimeVersion(),
    },
    model: {
      name: model.name,
      architecture: model.architecture.name,
      weights_sha256: model.weightsSha256,
      demonstration: model.demonstration,
      intended_use: model.manifest.intendedUse,
      licence: {
        spdx: model.licence.spdx,
        restricted: model.licence.restricted,
        terms: model.licence.terms,
        url: model.licence.url,
      },
    },
    device: { name: session.device, threads: session.threads },
    input: { ...facts.input, kind: volume.kind, modality: volume.modality, channels: volume.channels },
    geometry: {
      columns: geometry.columns,
      rows: geometry.rows,
      slices: geometry.slices,
      spacing: [...geometry.spacing],
      origin: [...geometry.origin],
      direction: [...geometry.direction],
    },
    findings: volume.findings.map(({ code, severity, message }) => ({ code, severity, message })),
    window: {
      description: describeWindow(window),
      ...(window.kind === 'range' ? { low: window.low, high: window.high, scale: window.mode } : {}),
      notes: [...window.notes],
    },
    prompts: { objects: objects.map((object) => promptsOf(object, facts.names)) },
    direction: settings.direction,
    range: [range?.first ?? 0, range?.last ?? geometry.slices - 1],
    options: {
      stability_fallback: options.stabilityFallback,
      fill_hole_area: options.fillHoleArea,
      largest_component: options.largestComponent,
      non_overlap: options.nonOverlap,
      verbatim_masks: options.verbatimMasks,
      conditioning: options.conditioning,
      view: options.view,
      following: options.following,
    },
    result: {
      file: facts.file,
      objects: result.assembly.objects.map((object) => objectResult(object, volume, result.absent, facts.names)),
    },
    timings: {
      started: facts.started.toISOString(),
      read_seconds: rounded(facts.readSeconds),
      model_seconds: rounded(facts.modelSeconds),
      ...(result.secondsToFirstMask === undefined ? {} : { first_mask_seconds: rounded(result.secondsToFirstMask) }),
      segment_seconds: rounded(result.seconds),
      write_seconds: rounded(facts.writeSeconds),
      slices: result.slices,
      ...(result.slices === 0 ? {} : { slices_per_second: rounded(result.slices / result.seconds) }),
    },
    warnings: [...facts.warnings],
  };
  return runReportSchema.parse(report);
}

/** Mean of the model's own IoU estimates over the slices on which the object is; undefined for an empty one. */
export function meanIou({ scores }: Pick<AssembledObject, 'scores'>): number | undefined {
  const shown = scores.filter(({ pixels }) => pixels > 0);
  if (shown.length === 0) return undefined;
  return shown.reduce((sum, { iou }) => sum + iou, 0) / shown.length;
}

/** First and last slice on which an object is. */
export function extent({ scores }: Pick<AssembledObject, 'scores'>): [number, number] | undefined {
  const shown = scores.filter(({ pixels }) => pixels > 0).map(({ slice }) => slice);
  return shown.length === 0 ? undefined : [shown[0], shown[shown.length - 1]];
}

function objectResult(
  object: AssembledObject,
  { kind, geometry }: Volume,
  absent: readonly AbsentObject[],
  names: ReadonlyMap<number, string>,
): RunReport['result']['objects'][number] {
  const { label, voxels, lostVoxels, removedVoxels, scores } = object;
  const mm3 = voxels * voxelVolume(geometry);
  const mean = meanIou(object);
  return {
    label,
    name: names.get(label),
    voxels,
    ...(kind === 'stack' ? { volume_mm3: rounded(mm3), volume_ml: rounded(mm3 / 1000) } : {}),
    ...(mean === undefined ? {} : { mean_iou: rounded(mean) }),
    slices: extent(object),
    lost_voxels: lostVoxels,
    removed_voxels: removedVoxels,
    scores: scores.map(({ slice, origin, iou, presence, pixels }) => ({
      slice,
      origin,
      iou: rounded(iou),
      presence: rounded(presence),
      pixels,
    })),
    absent: absent
      .filter((candidate) => candidate.label === label)
      .map(({ slice, iou, presence }) => ({ slice, iou: rounded(iou), presence: rounded(presence) })),
  };
}

function promptsOf({ label, prompts }: ObjectPrompts, names: ReadonlyMap<number, string>) {
  return { label, name: names.get(label), prompts: prompts.map(promptFacts) };
}

function promptFacts(prompt: Prompt): RunReport['prompts']['objects'][number]['prompts'][number] {
  const { slice } = prompt;
  const triples = (points: readonly { x: number; y: number; label: 0 | 1 }[] = []) =>
    points.map(({ x, y, label }): [number, number, 0 | 1] => [x, y, label]);
  switch (prompt.kind) {
    case 'box':
      return { slice, box: [...prompt.box], ...(prompt.points ? { points: triples(prompt.points) } : {}) };
    case 'points':
      return { slice, points: triples(prompt.points) };
    case 'mask':
      return { slice, mask_pixels: prompt.mask.reduce((sum, value) => sum + value, 0) };
    case 'recist':
      return { slice, recist_pixels: prompt.pixels.length, recist_mode: prompt.mode, shift: prompt.shift };
  }
}

/** Six digits: what is measured here is not known better. */
const rounded = (value: number): number => Number(value.toPrecision(6));
