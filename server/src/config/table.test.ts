import { repositoryRoot } from '@medsam2/models/testing';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsTable } from './table.js';

it('docs/server.md has the settings as they are (node scripts/settings-table.mjs writes them)', () => {
  const text = readFileSync(join(repositoryRoot(), 'docs', 'server.md'), 'utf8');
  const [, table = ''] = /<!-- settings -->\n([\s\S]*?)<!-- \/settings -->/.exec(text) ?? [];
  expect(table.trim()).toBe(settingsTable());
});
