/** A generated study with its truth. */
import type { Grid, Scene } from './scene.js';

/** A structure whose truth is known, and a prompt for it. */
export interface Structure {
  /** its value in the truth */
  readonly label: number;
  readonly name: string;
  /** index of the slice or frame on which it is largest, from 0, in the order of the truth */
  readonly slice: number;
  /** around it on that slice, two pixels wider on each side, as a person draws it: x0, y0, x1, y1 in pixels */
  readonly box: readonly [number, number, number, number];
}

/** Made-up images of nobody, as DICOM, and what is where in them. */
export interface PhantomStudy {
  readonly name: PhantomName;
  readonly modality: 'CT' | 'MR' | 'US';
  readonly patientName: string;
  readonly patientId: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly frameOfReferenceUid: string;
  readonly seriesDescription: string;
  readonly grid: Grid;
  /** LPS mm of the first voxel; axes are those of the patient, slices ascend towards the head */
  readonly origin: readonly [number, number, number];
  /** [slice or frame][row][column] */
  readonly truth: Uint8Array;
  readonly structures: readonly Structure[];
  /** by slice of the truth; a clip has one instance for all frames */
  readonly sopInstanceUids: readonly string[];
  /** PS3.10 files, by `sopInstanceUids` */
  instances(): Uint8Array[];
}

export const phantomNames = ['ct', 'mr', 'us'] as const;
export type PhantomName = (typeof phantomNames)[number];

/** The structures of a scene by their labels 1, 2, …, each with its largest slice and a box there. */
export function structuresOf(
  { columns, rows, slices }: Grid,
  { labels }: Scene,
  names: readonly string[],
): Structure[] {
  const area = columns * rows;
  const margin = 2;
  return names.map((name, index) => {
    const label = index + 1;
    const counts = new Uint32Array(slices);
    for (let at = 0; at < labels.length; at++) if (labels[at] === label) counts[(at / area) | 0]++;
    const slice = counts.indexOf(Math.max(...counts));
    let [x0, y0, x1, y1] = [columns, rows, 0, 0];
    for (let at = 0; at < area; at++) {
      if (labels[slice * area + at] !== label) continue;
      const x = at % columns;
      const y = (at - x) / columns;
      [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
    }
    return { label, name, slice, box: [x0 - margin, y0 - margin, x1 + margin, y1 + margin] };
  });
}

/** @throws Error when the study has no structure of that name: a mistake in the program */
export function structureOf(study: PhantomStudy, name: string): Structure {
  const structure = study.structures.find((candidate) => candidate.name === name);
  if (!structure) throw new Error(`${study.name} has no structure ${name}`);
  return structure;
}
