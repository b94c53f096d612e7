// Writes the table of settings into docs/server.md. Needs the compiled packages.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { settingsTable } from '../server/dist/config/table.js';

const file = fileURLToPath(new URL('../docs/server.md', import.meta.url));
const text = readFileSync(file, 'utf8');
const changed = text.replace(/(<!-- settings -->\n)[\s\S]*?(<!-- \/settings -->)/, (_match, before, after) => {
  return `${before}\n${settingsTable()}\n\n${after}`;
});
writeFileSync(file, changed);
