// Writes the gallery's page, made of what is built, to a folder: node extension/src/panel/gallery/bundle.mjs FOLDER
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Variables of OHIF's dark theme, as its style sheet sets them. */
const theme = `--highlight: 191 74% 63%; --neutral: 213 22% 59%; --background: 236 62% 5%; --foreground: 0 0% 98%;
  --card: 234 64% 10%; --popover: 219 90% 15%; --popover-foreground: 0 0% 98%; --primary: 214 98% 60%;
  --primary-foreground: 0 0% 98%; --secondary: 214 66% 48%; --muted: 234 64% 10%; --muted-foreground: 200 46% 65%;
  --accent: 217 79% 24%; --input: 236 52% 30%; --ring: 214 98% 60%;`;

const page = `<!doctype html>
<html lang="en" style="${theme}">
<meta charset="utf-8" />
<title>The panel in its states</title>
<style>body { margin: 0; background: #000; }</style>
<main></main>
<script src="page.js"></script>
`;

const folder = process.argv[2];
if (folder === undefined) throw new Error('Which folder is the page to be written to?');
await mkdir(folder, { recursive: true });
await build({
  entryPoints: [fileURLToPath(new URL('../../../dist/panel/gallery/page.js', import.meta.url))],
  outfile: join(folder, 'page.js'),
  bundle: true,
  minify: true,
  define: { 'process.env.NODE_ENV': '"production"' },
});
await writeFile(join(folder, 'index.html'), page);
