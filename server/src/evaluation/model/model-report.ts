import type { CaseResult, Method, StructureResult } from './evaluate-model.js';
import { methods } from './evaluate-model.js';
import { checkBars, endTolerance, figuresOf, number, percent, type Bar, type Figures, type Speed } from './figures.js';
import { roomBeyondEnd } from './scores.js';
import { structureLimits } from './structures.js';

export type Group = 'scenes' | 'phantoms' | 'real';

/** What was run and what came of it: everything the reports are made of. */
export interface ModelEvaluation {
  readonly model: { readonly name: string; readonly architecture: string; readonly weightsSha256: string };
  readonly view: string;
  readonly following: string;
  readonly tolerance: number;
  readonly command: string;
  readonly machine: string;
  /** structures per case were limited: figures are interim */
  readonly limit?: number;
  readonly groups: Readonly<Record<Group, readonly CaseResult[]>>;
  readonly speed?: Speed;
  /** picture files relative to the report, with their titles */
  readonly pictures: readonly { readonly file: string; readonly title: string }[];
}

const methodNames: Readonly<Record<Method, string>> = {
  model: 'model',
  ellipse: 'ellipse in the box, true extent',
  threshold: 'threshold and connected piece',
};

/** Rows of a table; the first is the heading. */
type Table = readonly (readonly string[])[];

export function barsOf({ groups, speed }: ModelEvaluation): Bar[] {
  return checkBars({ scenes: flat(groups.scenes), phantoms: flat(groups.phantoms), real: flat(groups.real) }, speed);
}

/** For a terminal. */
export function textReport(evaluation: ModelEvaluation): string {
  const { caseTable, overallTable, traitTable, barTable } = tables(evaluation);
  const parts = [overallTable, caseTable, traitTable, barTable].flatMap((table) => [text(table), '']);
  return [...intro(evaluation), '', ...parts].join('\n');
}

/** For the documentation. */
export function markdownReport(evaluation: ModelEvaluation): string {
  const { caseTable, overallTable, traitTable, barTable } = tables(evaluation);
  const { pictures, command, speed, machine } = evaluation;
  const windows = [...new Map(Object.values(evaluation.groups).flat().map(windowLine)).values()];
  return [
    `# How well ${evaluation.model.name} segments`,
    '',
    'Written by `scripts/evaluate-model.mjs`; do not edit. All figures come from one run through the TypeScript engine:',
    '',
    '```sh',
    command,
    '```',
    '',
    ...intro(evaluation).map((line) => `- ${line}`),
    '',
    '## Bars',
    '',
    markdown(barTable),
    '',
    '## Overall',
    '',
    'Medians over structures. Ends: per end with room beyond it; "met" is the share of structures all of whose ends were met.',
    '',
    markdown(overallTable),
    '',
    '## Per case',
    '',
    'Medians over the structures of a case; the last two columns are the median volume Dice of what needs no model.',
    '',
    markdown(caseTable),
    '',
    '## What is hard',
    '',
    'All structures, by size of the box, contrast (grey levels of the display image between the structure and 3 pixels around it, also in standard',
    'deviations) and thickness (area per half of the boundary) on the prompted slice. Medians; ellipse and threshold: volume Dice.',
    '',
    markdown(traitTable),
    '',
    '## Windows',
    '',
    'Intensities became 0..255 as the command line does unless told otherwise:',
    '',
    ...windows.map((line) => `- ${line}`),
    '',
    ...(speed
      ? [
          '## Speed',
          '',
          `${machine}. Loading: ${speed.loadSeconds.toFixed(2)} s. One object through ${speed.segmentSlices} slices: ` +
            `${speed.slicesPerSecond.toFixed(1)} slices/s. \`medsam2 segment\` as a process of its own: ${speed.segmentSeconds.toFixed(1)} s. ` +
            'Best of three each.',
          '',
        ]
      : []),
    ...(pictures.length > 0
      ? [
          '## Pictures',
          '',
          'Each structure twice: the prompted slice with the box (pink, dashed), and the slice with most wrong pixels. Blue: truth. Orange: model.',
          '',
          ...pictures.flatMap(({ file, title }) => [`### ${title}`, '', `![${title}](${file})`, '']),
        ]
      : []),
    '## Does not cover',
    '',
    'Corrections by further prompts, points, prompts on other slices, loose boxes; images of other kinds than these. Labels of the large CT and',
    'MR cases are the output of another model, so that agreement with them is not correctness. Not for clinical use.',
    '',
  ].join('\n');
}

function intro({ model, view, following, tolerance, limit }: ModelEvaluation): string[] {
  const { leastVoxels, leastSlices } = structureLimits;
  return [
    `Model: ${model.name} (architecture ${model.architecture}, weights sha256 ${model.weightsSha256.slice(0, 16)}…), view ${view}, following ${following}.`,
    `Structures: every label with at least ${leastVoxels} voxels on at least ${leastSlices} slices` +
      `${limit === undefined ? '' : `, AT MOST ${limit} PER CASE: interim figures`}. The only prompt is the tight box on its largest slice; propagation both ways over all slices.`,
    `NSD at ${tolerance} mm (${tolerance} px for clips). An end counts where ${roomBeyondEnd} slices lie beyond it and is met within ${endTolerance} slices.`,
  ];
}

function tables({
  groups,
  speed,
}: ModelEvaluation): Record<'caseTable' | 'overallTable' | 'traitTable' | 'barTable', Table> {
  const scenes = flat(groups.scenes);
  const phantoms = flat(groups.phantoms);
  const real = flat(groups.real);
  const sets = [
    { title: 'held-out scenes', results: scenes },
    { title: 'held-out scenes, one piece on the prompted slice', results: scenes.filter(({ connected }) => connected) },
    { title: 'phantoms', results: phantoms },
    { title: 'real', results: real },
    { title: 'real, one piece on the prompted slice', results: real.filter(({ connected }) => connected) },
  ].filter(({ results }) => results.length > 0);
  const cases = [
    ...byKind(groups.scenes).map(([kind, results]) => ({ name: `scenes: ${kind}`, results })),
    ...[...groups.phantoms, ...groups.real].map(({ name, structures }) => ({ name, results: structures })),
  ];
  return {
    overallTable: [
      ['', 'method', 'n', 'key Dice', 'Dice', 'NSD', 'key empty', 'met', 'ends met', 'too far', 'too early'],
      ...sets.flatMap(({ title, results }) =>
        methods.map((method, at) => {
          const figures = figuresOf(results, method);
          // The ellipse is told where the structure ends.
          const ends = method === 'ellipse' ? ['-', '-', '-', '-'] : endCells(figures);
          return [at === 0 ? title : '', methodNames[method], ...scoreCells(figures), ...ends];
        }),
      ),
    ],
    caseTable: [
      ['case', 'n', 'key Dice', 'Dice', 'NSD', 'key empty', 'ends met', 'slices/s', 'ellipse', 'threshold'],
      ...cases.map(({ name, results }) => {
        const figures = figuresOf(results, 'model');
        const speedOfCase =
          results.reduce((sum, { slices }) => sum + slices, 0) / results.reduce((sum, { seconds }) => sum + seconds, 0);
        return [
          name,
          ...scoreCells(figures),
          percent(figures.endsMet),
          Number.isNaN(speedOfCase) ? '-' : speedOfCase.toFixed(1),
          number(figuresOf(results, 'ellipse').dice),
          number(figuresOf(results, 'threshold').dice),
        ];
      }),
    ],
    traitTable: [
      ['what is hard', 'n', 'key Dice', 'Dice', 'NSD', 'key empty', 'ends met', 'ellipse', 'threshold'],
      ...byTrait([...scenes, ...phantoms, ...real]).map(({ title, results }) => [
        title,
        ...scoreCells(figuresOf(results, 'model')),
        percent(figuresOf(results, 'model').endsMet),
        number(figuresOf(results, 'ellipse').dice),
        number(figuresOf(results, 'threshold').dice),
      ]),
    ],
    barTable: [
      ['bar', 'wanted', 'reached', ''],
      ...checkBars({ scenes, phantoms, real }, speed).map(({ what, wanted, reached, passed }) => [
        what,
        wanted,
        reached,
        passed === undefined ? '' : passed ? 'pass' : 'FAIL',
      ]),
    ],
  };
}

/** Structures by what may make them hard; only what occurs. */
function byTrait(results: readonly StructureResult[]): { title: string; results: StructureResult[] }[] {
  const sorted = (name: string, limits: readonly number[], value: (result: StructureResult) => number) =>
    [...limits, Infinity].map((below, at) => {
      const from = at === 0 ? 0 : limits[at - 1];
      const range = at === 0 ? `< ${below}` : below === Infinity ? `≥ ${from}` : `${from} to ${below}`;
      const some = results.filter((result) => value(result) >= from && value(result) < below);
      return { title: `${name} ${range}`, results: some };
    });
  return [
    ...sorted('box side', [8, 16, 32, 64], ({ boxSide }) => boxSide),
    ...sorted('contrast', [10, 25, 60], ({ traits }) => traits.contrast),
    ...sorted('contrast to noise', [1, 2, 4], ({ traits }) => traits.contrastToNoise),
    ...sorted('thickness', [2, 4, 8], ({ traits }) => traits.thickness),
    { title: 'several pieces on the prompted slice', results: results.filter(({ connected }) => !connected) },
  ].filter((group) => group.results.length > 0);
}

const scoreCells = ({ structures, keyDice, dice, nsd, keyEmpty }: Figures): string[] => [
  String(structures),
  number(keyDice),
  number(dice),
  number(nsd),
  percent(keyEmpty),
];

const endCells = ({ stops, endsMet, tooFar, tooEarly }: Figures): string[] =>
  [stops, endsMet, tooFar, tooEarly].map(percent);

const flat = (cases: readonly CaseResult[]) => cases.flatMap(({ structures }) => structures);

/** Scenes by their kind of contrast, which their names begin with. */
function byKind(scenes: readonly CaseResult[]) {
  const kinds = new Map<string, CaseResult[]>();
  for (const scene of scenes) {
    const kind = scene.name.split('_')[0];
    kinds.set(kind, [...(kinds.get(kind) ?? []), scene]);
  }
  return [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, cases]) => [kind, flat(cases)] as const);
}

function windowLine({ name, modality, window, size }: CaseResult): [string, string] {
  if (modality === 'display images') return [modality, `scenes: ${window}`];
  return [name, `${name} (${modality}, ${size.join(' x ')}): ${window}`];
}

function markdown([heading, ...rows]: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

function text(table: Table): string {
  const widths = table[0].map((_, at) => Math.max(...table.map((row) => row[at].length)));
  return table
    .map((row) =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
