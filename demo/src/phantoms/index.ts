/** The studies that the demonstration and the tests of viewers work on. */
import { frameMilliseconds, heartGrid, heartNames, paintHeart } from './heart-clip.js';
import { headGrid, headNames, paintHead } from './head.js';
import { writeClip, writeStack, type Identity } from './dicom.js';
import type { Grid, Scene, Triple } from './scene.js';
import { phantomNames, structuresOf, type PhantomName, type PhantomStudy } from './study.js';
import { paintTrunk, trunkGrid, trunkNames } from './trunk.js';

export { phantomNames, structureOf, type PhantomName, type PhantomStudy, type Structure } from './study.js';

/** this project's root with the arc of generated studies */
const root = '1.2.826.0.1.3680043.10.1561.5';
/** Another one whenever the images change: archives keep what they have under an identifier. */
const revision = 1;

interface Recipe {
  readonly modality: PhantomStudy['modality'];
  readonly grid: Grid;
  readonly structures: readonly string[];
  readonly paint: (seed: number) => Scene;
  readonly patientName: string;
  readonly studyDescription: string;
  readonly seriesDescription: string;
}

const recipes: Readonly<Record<PhantomName, Recipe>> = {
  ct: {
    modality: 'CT',
    grid: trunkGrid,
    structures: trunkNames,
    paint: paintTrunk,
    patientName: 'PHANTOM^CT',
    studyDescription: 'Generated trunk (no patient)',
    seriesDescription: 'CT phantom with organs and a lesion',
  },
  mr: {
    modality: 'MR',
    grid: headGrid,
    structures: headNames,
    paint: paintHead,
    patientName: 'PHANTOM^MR',
    studyDescription: 'Generated head (no patient)',
    seriesDescription: 'MR phantom with a lesion',
  },
  us: {
    modality: 'US',
    grid: heartGrid,
    structures: heartNames,
    paint: paintHeart,
    patientName: 'PHANTOM^US',
    studyDescription: 'Generated heart (no patient)',
    seriesDescription: 'Ultrasound phantom of a beating cavity',
  },
};

/** Generates a study; the same seed gives the same bytes on any machine, another one other noise and identifiers. */
export function makePhantomStudy(name: PhantomName, seed = 1): PhantomStudy {
  const recipe = recipes[name];
  const { grid, modality } = recipe;
  const scene = recipe.paint(seed);
  const arc = `${root}.${revision}.${seed}.${phantomNames.indexOf(name) + 1}`;
  const identity: Identity = {
    patientName: recipe.patientName,
    patientId: `PHANTOM-${modality}-${seed}`,
    studyUid: `${arc}.1`,
    seriesUid: `${arc}.2`,
    frameOfReferenceUid: `${arc}.3`,
    studyDescription: recipe.studyDescription,
    seriesDescription: recipe.seriesDescription,
  };
  const counts = [grid.columns, grid.rows, grid.slices];
  const origin = counts.map((count, axis) => (-(count - 1) / 2) * grid.spacing[axis]) as unknown as Triple;
  const sopInstanceUids = Array.from({ length: modality === 'US' ? 1 : grid.slices }, (_, at) => `${arc}.4.${at + 1}`);
  return {
    name,
    modality,
    ...identity,
    grid,
    origin,
    truth: scene.labels,
    structures: structuresOf(grid, scene, recipe.structures),
    sopInstanceUids,
    instances: () =>
      modality === 'US'
        ? [writeClip(identity, grid, scene, sopInstanceUids[0], frameMilliseconds)]
        : writeStack(identity, modality, grid, origin, scene, sopInstanceUids),
  };
}

/** All of them, in the order of `phantomNames`. */
export const makePhantomStudies = (seed = 1): PhantomStudy[] =>
  phantomNames.map((name) => makePhantomStudy(name, seed));
