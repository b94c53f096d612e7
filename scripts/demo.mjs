/**
 * One command from a fresh clone to a running viewer: `npm run demo`, or `npm run demo -- --help`.
 *
 * Installs npm packages and Debian packages that are missing, builds, and hands over to demo/dist. Needs Node and npm alone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);

function fail(message, remedy) {
  process.stderr.write(`error: ${message}\n${remedy}\n`);
  process.exit(1);
}

/** Output is shown only when it fails: of a success nobody needs it. */
function step(what, program, parameters, remedy) {
  process.stderr.write(`${what}\n`);
  const { status, stdout, stderr, error } = spawnSync(program, parameters, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  fail(`${program} ${parameters.join(' ')} failed${error ? `: ${error.message}` : ''}.`, remedy);
}

const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const wanted = engines.node.replace('>=', '');
if (wanted.localeCompare(process.versions.node, 'en', { numeric: true }) > 0)
  fail(`Node ${process.versions.node} is too old.`, `Install Node ${wanted} or newer.`);

if (spawnSync(process.execPath, [join(root, 'scripts', 'packages-current.mjs')], { cwd: root }).status !== 0)
  step('Installing npm packages (once)', 'npm', ['ci'], 'Check the connection and npm’s settings, then try again.');

const isHelp = args.includes('--help') || args.includes('-h');
if (!isHelp) debianPackages();
step('Building', 'npm', ['run', '--silent', 'build:demo'], 'See above; in an unchanged checkout this is a defect.');

const { main } = await import(new URL('../demo/dist/run/main.js', import.meta.url).href);
process.exitCode = await main(args);

function debianPackages() {
  const packages = [
    ...(process.env.DICOMWEB_URL ? [] : ['orthanc', 'orthanc-dicomweb']),
    ...(args.includes('--check') && !process.env.CHROMIUM ? ['chromium'] : []),
  ];
  if (packages.length === 0 || !existsSync('/bin/bash')) return;
  const script = join('scripts', 'set-up-debian.sh');
  const { status, stderr, stdout } = spawnSync('bash', [script, ...packages], { cwd: root, encoding: 'utf8' });
  if (status === 0) {
    if (stdout.trim() !== 'up to date') process.stderr.write(stdout);
    return;
  }
  fail(
    stderr.trim(),
    process.env.DICOMWEB_URL
      ? 'CHROMIUM=/path/to/chromium names a browser that is there.'
      : 'Or set DICOMWEB_URL to the DICOMweb address of a PACS that is there, e.g. of an Orthanc in a container.',
  );
}
