/** Saves one object and ends itself as a power cut would, at the step that is named: FOLDER URL OBJECT STEP. */
import { createPacs, pacsConfigSchema } from '@medsam2/server/dicomweb';
import { createSaveService } from '@medsam2/server/saving';
import { readFileSync } from 'node:fs';
import { objectOf } from './objects.js';

const [folder, url, path, step] = process.argv.slice(2);
const pacs = createPacs(pacsConfigSchema.parse({ name: 'main', url, writable: true }));
const service = await createSaveService({
  folder,
  pacs: () => pacs,
  validate: () => [],
  trace: (reached) => {
    if (reached === step) process.kill(process.pid, 'SIGKILL');
  },
});
const object = objectOf(readFileSync(path));
const principal = { id: 'ada', roles: new Set(['annotator'] as const) };
await service.save(principal, { pacs: 'main', object, description: 'test', origin: 'session' });
// Not reached: every step is on the way of a save.
process.exitCode = 3;
await service.close();
