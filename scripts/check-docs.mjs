// Runs what the documents tell people to type. A fenced block below `<!-- run -->` is executed: sh by bash; ts is compiled
// strictly and run by node. It finds ct.nii.gz, mr.nii.gz, dicom/, truth.nii.gz, truth/ and cases.csv (phantoms), and the
// tests' small model as the only one installed; medsam2-latest in a block stands for it. Of all other blocks, the commands,
// options and npm scripts they name must exist.
// Argument: a file for the counts (the fields of jest's JSON). Needs the compiled packages.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import ts from 'typescript';
import { createProgram } from '../server/dist/cli/main.js';
import { writeFiles, writeInstance, sliceElements } from '../server/dist/imaging/dicom/testing/write-dicom.js';
import { niftiLabelHeader } from '../server/dist/imaging/formats/nifti-write.js';
import { makePhantom } from '../server/dist/imaging/testing/phantom.js';
import { writeLabelMap } from '../server/dist/imaging/write.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
];

const folder = mkdtempSync(join(tmpdir(), 'medsam2-docs-'));
const environment = {
  ...process.env,
  PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
  MEDSAM2_MODELS_DIR: join(folder, '.models'),
  MEDSAM2_GRAPHS_DIR: join(root, 'tests', 'fixtures', 'graphs'),
};
// npx would look for a package in this folder and then in the registry.
const bash = (script) =>
  spawnSync('bash', ['-euo', 'pipefail', '-c', `npx() { "$@"; }\n${script}`], {
    cwd: folder,
    env: environment,
    encoding: 'utf8',
  });

let passed = 0;
const failures = [];
function report(where, problem) {
  if (problem === undefined) passed++;
  else failures.push(`${where}: ${problem}`);
}

try {
  await prepare();
  for (const document of documents) {
    for (const { line, language, isRun, text } of blocks(readFileSync(join(root, document), 'utf8'))) {
      if (isRun) report(`${document}:${line}`, (language === 'ts' ? runTypeScript : run)(withSmallModel(text)));
      // what stands in settings of other programs is no command line
      for (const command of language === 'js' ? [] : commands(text))
        report(`${document}:${line}`, unknownPart(command));
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(`${passed} blocks and commands of ${documents.length} documents are as they say`);
if (process.argv[2]) {
  const counts = { numPassedTests: passed, numFailedTests: failures.length, numPendingTests: 0 };
  writeFileSync(process.argv[2], JSON.stringify(counts));
}
process.exitCode = failures.length > 0 ? 1 : 0;

/** Fenced blocks with the line they begin at. */
function* blocks(document) {
  for (const match of document.matchAll(/^(<!-- run -->\n+)?```([^\n]*)\n(.*?)^```$/gms)) {
    const line = document.slice(0, match.index).split('\n').length;
    yield { line, language: match[2], isRun: match[1] !== undefined, text: match[3] };
  }
}

function withSmallModel(text) {
  return text.replaceAll('medsam2-latest', 'medsam2-small');
}

function run(script) {
  const { status, stdout, stderr } = bash(script);
  console.log(`$ ${script.trim().replaceAll('\n', '\n  ')}`);
  return status === 0 ? undefined : `exit code ${status}\n${stdout}${stderr}`;
}

/** Compiled where the packages resolve as they do for a program that depends on them. */
function runTypeScript(text) {
  const place = mkdtempSync(join(root, '.cache', 'docs-'));
  try {
    const file = join(place, 'example.mts');
    writeFileSync(file, text);
    const program = ts.createProgram([file], {
      strict: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: ['node'],
      typeRoots: [join(root, 'node_modules', '@types')],
      skipLibCheck: true,
    });
    const problems = ts.getPreEmitDiagnostics(program);
    if (problems.length > 0) return ts.formatDiagnostics(problems, ts.createCompilerHost({}));
    program.emit();
    return run(`node '${join(place, 'example.mjs')}'`);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Commands of ours in a block, as words; continued lines joined, comments off. */
function commands(text) {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((line) => line.replace(/(^|\s)#.*$/, '').split(/&&|\|\|?|;/))
    .map((command) => command.trim().replace(/^(\$ )?([A-Z_0-9]+=\S+ )*(npx )?/, ''))
    .filter((command) => /^(medsam2|npm run|npm test)\b/.test(command))
    .map((command) => command.split(/\s+/));
}

/** What of a command does not exist, if anything. */
function unknownPart([program, ...words]) {
  if (program === 'npm') {
    const name = words[0] === 'run' ? words[1] : words[0];
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    return scripts[name] === undefined ? `there is no npm script ${name}` : undefined;
  }
  let command = createProgram({ stdout: process.stdout, stderr: process.stderr });
  while (command.commands.length > 0 && words.length > 0 && !words[0].startsWith('-')) {
    const next = command.commands.find((candidate) => candidate.name() === words[0]);
    if (next === undefined) return `medsam2 has no command ${words[0]}`;
    command = next;
    words.shift();
  }
  const known = new Set(['-h', '--help', '-V', '--version', '--verbose']);
  for (const { short, long } of command.options) known.add(short).add(long);
  const given = words
    .map((word) => word.replace(/^\[/, '').replace(/[\]=].*$/, ''))
    .filter((word) => /^--?[a-zA-Z]/.test(word));
  const unknown = given.filter((word) => !known.has(word));
  return unknown.length > 0 ? `medsam2 ${command.name()} has no option ${unknown.join(', ')}` : undefined;
}

async function prepare() {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const { volume, truth } = makePhantom({ columns: 256, rows: 192, slices: 48, seed: 3 });
  writeNifti('ct.nii.gz', volume, volume.voxels);
  writeNifti(
    'mr.nii.gz',
    volume,
    volume.voxels.map((value) => Math.max(value, 0)),
  );
  writeFiles(
    join(folder, 'dicom'),
    sliceElements(volume, 1).map((elements) => writeInstance(elements)),
  );
  mkdirSync(join(folder, 'truth'));
  await writeLabelMap(join(folder, 'truth.nii.gz'), truth);
  await writeLabelMap(join(folder, 'truth', 'ct.nii.gz'), truth);
  const cases = [
    'input,output,slice,box',
    'ct.nii.gz,ct.nii.gz,40,"120,80,180,150"',
    'mr.nii.gz,mr.nii.gz,20,"30,40,90,110"',
  ];
  writeFileSync(join(folder, 'cases.csv'), `${cases.join('\n')}\n`);
  const weights = join(root, 'tests', 'fixtures', 'reference', 'weights.safetensors');
  const { status, stderr } = bash(`medsam2 models import '${weights}' --config fixture --name medsam2-small`);
  if (status !== 0) throw new Error(`the small model cannot be imported: ${stderr}`);
}

/** An int16 NIfTI file: the header of labels with another type of voxels (datatype 4 instead of 512). */
function writeNifti(name, { geometry }, voxels) {
  const { head } = niftiLabelHeader({ geometry, labels: new Uint16Array(voxels.buffer) });
  new DataView(head.buffer).setInt16(70, 4, true);
  writeFileSync(join(folder, name), gzipSync(Buffer.concat([head, Buffer.from(voxels.buffer)])));
}
