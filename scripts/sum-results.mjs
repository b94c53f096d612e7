// Adds up what the stages of scripts/test.sh counted and prints it: `N passed, N failed, N skipped`.
// Arguments: the folder of the counts (jest's JSON, or the same three fields), then name:exit status:seconds of each stage.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ...stages] = process.argv.slice(2);
const sum = { passed: 0, failed: 0, skipped: 0 };
console.log('');
for (const stage of stages) {
  const [name, status, seconds] = stage.split(':');
  const counts = counted(join(folder, `${name}.json`), status !== '0');
  for (const key of Object.keys(sum)) sum[key] += counts[key];
  const told = Object.entries(counts).filter(([, count]) => count > 0);
  console.log(
    `${name.padEnd(12)} ${seconds.padStart(5)} s  ${told.map(([key, count]) => `${count} ${key}`).join(', ')}`,
  );
}
console.log(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;

/** A stage that failed without saying how often counts as one failure, so that the sum never hides it. */
function counted(file, failed) {
  if (!existsSync(file)) return { passed: 0, failed: failed ? 1 : 0, skipped: 0 };
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const failures = report.numFailedTests + (report.numRuntimeErrorTestSuites ?? 0);
  return {
    passed: report.numPassedTests,
    failed: failed ? Math.max(failures, 1) : failures,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
}
