import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolders } from './folders.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'medsam2-folders-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('makes every missing folder, and leaves those that are there', async () => {
  await makeFolders(join(root, 'a', 'b', 'c'));
  await makeFolders(join(root, 'a', 'b', 'd'));
  expect((await stat(join(root, 'a', 'b', 'c'))).isDirectory()).toBe(true);
  expect((await stat(join(root, 'a', 'b', 'd'))).isDirectory()).toBe(true);
});

test('is refused where a file stands in the way', async () => {
  await writeFile(join(root, 'file'), '');
  await expect(makeFolders(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolders(join(root, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

(existsSync('/proc/self') ? test : test.skip)('comes back where nothing can be made', async () => {
  await expect(makeFolders('/proc/medsam2/models')).rejects.toMatchObject({ code: 'ENOENT' });
});
