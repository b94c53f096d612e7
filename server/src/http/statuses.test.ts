import { repositoryRoot } from '@medsam2/models/testing';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { knownCodes, statusOf } from './statuses.js';

/** What requests can reach. */
const parts = [
  'server/src/http',
  'server/src/sessions',
  'server/src/jobs',
  'server/src/saving',
  'server/src/dicomweb',
  'server/src/segmentation',
  'server/src/measurements',
  'server/src/engine',
  'server/src/inference',
  'server/src/imaging/dicom',
  'protocol/src',
];

/** Codes of errors that end the start of the server or a command, or are only told in a job's state or the log. */
const ofOperators = new Set([
  'cannot-listen',
  'keys-invalid',
  'ca-unreadable',
  'folder-busy',
  'folder-unusable',
  'device-unknown',
  'folder-empty',
  'path-not-found',
  'file-unreadable',
  'webhook-failed',
]);

/** Codes as they stand in the sources: `new SomeError('code'`, and codes of rejecting findings. */
function thrownCodes(): Map<string, string> {
  const codes = new Map<string, string>();
  for (const part of parts) {
    const folder = join(repositoryRoot(), part);
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || /\.test\.ts$|(^|\/)testing(\/|\.ts)/.test(name)) continue;
      const text = readFileSync(join(folder, name), 'utf8');
      for (const [, code] of text.matchAll(/\bnew \w*Error\(\s*'([a-z][a-z0-9-]+)'/g))
        codes.set(code, `${part}/${name}`);
      for (const [, code] of text.matchAll(/^ {2}'?([a-z-]+)'?: \[\s*'reject',/gm)) codes.set(code, `${part}/${name}`);
    }
  }
  return codes;
}

describe('status of problems', () => {
  const codes = thrownCodes();

  it('is decided for every code that the parts throw', () => {
    expect(codes.size).toBeGreaterThan(100);
    const missing = [...codes].filter(([code]) => statusOf(code) === undefined && !ofOperators.has(code));
    expect(missing).toEqual([]);
  });

  it('stands once per code', () => {
    const known = knownCodes();
    expect(new Set(known).size).toBe(known.length);
  });
});
