import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@medsam2/models';

/** A folder for the tests of one file, removed after them. Call at the top level of a `describe` or a test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'medsam2-imaging-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The code of the UserError that a promise is refused with; any other outcome fails the test. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // one sentence each, for people
    expect(error.message).toMatch(/^[^\n]+\.$/);
    expect(error.remedy).toMatch(/^[^\n]+$/);
    return error.code;
  }
  throw new Error('the promise was not refused');
}

/** File names in a folder, hidden ones included. */
export const filesOf = (folder: string): string[] => readdirSync(folder).sort();
