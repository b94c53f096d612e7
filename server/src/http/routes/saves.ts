import { idSchema, saveSchema, type SaveState } from '@medsam2/protocol';
import { z } from 'zod';
import type { AuditSubject } from '../audit/record.js';
import { json, route, type Answer, type Call, type Route } from '../route.js';
import type { ApiServices } from '../services.js';

const saveParams = z.strictObject({ save: idSchema });

/** Segmentations on their way to the PACS. */
export function saveRoutes({ saves }: ApiServices): Route[] {
  const subject = async (call: Call<{ save: string }>, answer?: Answer): Promise<AuditSubject> => {
    const { save } = call.params;
    const state: SaveState | undefined =
      answer?.kind === 'json'
        ? (answer.body as SaveState)
        : // for a save that is not the caller's, only its identifier is written down
          await saves.get(call.principal, save).catch(() => undefined);
    return { save, pacs: state?.pacs, study: state?.study, series: state?.series };
  };
  return [
    route({
      method: 'get',
      path: '/saves',
      operation: 'save.list',
      tag: 'Saves',
      summary: 'Your saves, newest first; everybody’s for an admin',
      role: 'reader',
      answers: { 200: { description: 'The saves', schema: z.object({ saves: z.array(saveSchema) }) } },
      audit: { action: 'read', subject: () => ({}) },
      run: async ({ principal }) => json({ saves: await saves.list(principal) }),
    }),
    route({
      method: 'get',
      path: '/saves/:save',
      operation: 'save.read',
      tag: 'Saves',
      summary: 'What became of a save',
      role: 'reader',
      params: saveParams,
      answers: { 200: { description: 'The save', schema: saveSchema } },
      problems: ['save-not-found'],
      audit: { action: 'read', subject },
      run: async ({ principal, params }) => json(await saves.get(principal, params.save)),
    }),
    route({
      method: 'get',
      path: '/saves/:save/object',
      operation: 'save.object',
      tag: 'Saves',
      summary: 'The DICOM object itself, while this server has it',
      role: 'reader',
      params: saveParams,
      answers: { 200: { description: 'The object', contentType: 'application/dicom' } },
      problems: ['save-not-found', 'save-object-gone', 'save-damaged'],
      audit: { action: 'read', flush: true, subject },
      run: async ({ principal, params }) => ({
        kind: 'file',
        bytes: await saves.object(principal, params.save),
        contentType: 'application/dicom',
        fileName: `${params.save}.dcm`,
      }),
    }),
    route({
      method: 'post',
      path: '/saves/:save/retry',
      operation: 'save.retry',
      tag: 'Saves',
      summary: 'Try again now, with your own credentials where they are passed on',
      role: 'annotator',
      params: saveParams,
      answers: { 200: { description: 'The save', schema: saveSchema } },
      problems: ['save-not-found', 'save-finished'],
      audit: { action: 'create', flush: true, subject },
      run: async ({ principal, params }) => json(await saves.retry(principal, params.save)),
    }),
    route({
      method: 'delete',
      path: '/saves/:save',
      operation: 'save.discard',
      tag: 'Saves',
      summary: 'Give up a save that no PACS confirmed, and remove its object',
      role: 'annotator',
      params: saveParams,
      answers: { 200: { description: 'The save', schema: saveSchema } },
      problems: ['save-not-found', 'save-finished', 'save-busy'],
      audit: { action: 'delete', flush: true, subject },
      run: async ({ principal, params }) => json(await saves.discard(principal, params.save)),
    }),
  ];
}
