// Makes the drop-in folder: two ES modules that share one chunk, so that state and the panel's element exist once.
// node extension/build/plugin.mjs [FOLDER]
import { readFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = resolve(process.argv[2] ?? join(root, 'plugin'));
/** Bytes of all files together, as they go over the wire. */
const mostGzipped = 400 * 1024;

await rm(folder, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { extension: join(root, 'src/extension.ts'), mode: join(root, 'src/mode.ts') },
  outdir: folder,
  bundle: true,
  format: 'esm',
  splitting: true,
  chunkNames: 'shared-[hash]',
  target: 'es2022',
  jsx: 'automatic',
  minify: true,
  sourcemap: 'linked',
  legalComments: 'linked',
  define: { 'process.env.NODE_ENV': '"production"' },
  metafile: true,
  logLevel: 'warning',
});

const foreign = Object.keys(metafile.inputs).filter((path) => /node_modules\/(@ohif|@cornerstonejs)\//.test(path));
if (foreign.length > 0) throw new Error(`the plug-in must not bring a copy of ${foreign[0]}`);
const scripts = Object.keys(metafile.outputs).filter((path) => path.endsWith('.js'));
const sizes = await Promise.all(scripts.map(async (path) => gzipSync(await readFile(path)).length));
const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
const kilobytes = (size / 1024).toFixed(0);
if (size > mostGzipped) throw new Error(`the plug-in has ${kilobytes} KB gzipped, more than ${mostGzipped / 1024}`);
process.stdout.write(`${folder}: ${scripts.length} files, ${kilobytes} KB gzipped\n`);
