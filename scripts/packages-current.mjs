/**
 * Exit code 0 when the installed npm packages are those of package-lock.json. Compares versions, not times: a needless
 * `npm ci` would take the packages away under programs that are running.
 */
import { readFileSync } from 'node:fs';

const read = (path) => JSON.parse(readFileSync(path, 'utf8')).packages;
try {
  const wanted = read('package-lock.json');
  const installed = read('node_modules/.package-lock.json');
  const missing = ([path, { version, optional }]) =>
    path.includes('node_modules/') && !optional && installed[path]?.version !== version;
  process.exitCode = Object.entries(wanted).some(missing) ? 1 : 0;
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
  process.exitCode = 1;
}
