// Tests that failed are run once more, by files, because a slow moment of a shared machine is no defect. What passes then
// is named, so that nobody takes it for steady. Arguments:
//   files REPORT          prints the failed files of a jest report, one a line; nothing when there are more than ten:
//                         so many are no accident
//   merge REPORT AGAIN    puts the second run of those files in the place of their first in REPORT
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

const mostFiles = 10;
const [mode, path, again] = process.argv.slice(2);
const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
const first = read(path);
const failed = first.testResults.filter(({ status }) => status === 'failed');
const count = (result, status) => result.assertionResults.filter((test) => test.status === status).length;

if (mode === 'files') {
  if (failed.length <= mostFiles) for (const { name } of failed) console.log(name);
} else if (mode === 'merge') {
  const second = read(again);
  const passedBefore = failed.reduce((sum, result) => sum + count(result, 'passed'), 0);
  for (const { name, status } of second.testResults)
    if (status === 'passed') console.log(`passed at the second try only: ${relative(process.cwd(), name)}`);
  Object.assign(first, {
    numPassedTests: first.numPassedTests - passedBefore + second.numPassedTests,
    numFailedTests: second.numFailedTests,
    numRuntimeErrorTestSuites: second.numRuntimeErrorTestSuites,
    testResults: [...first.testResults.filter((result) => !failed.includes(result)), ...second.testResults],
  });
  writeFileSync(path, JSON.stringify(first));
} else {
  throw new Error(`unknown mode ${mode}`);
}
