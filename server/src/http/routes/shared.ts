import { idSchema, sessionSchema, type SessionState } from '@medsam2/protocol';
import { z } from 'zod';
import type { AuditSubject } from '../audit/record.js';
import type { Answer, AnswerDescription, Call } from '../route.js';
import type { ApiServices } from '../services.js';

export const sessionParams = z.strictObject({ session: idSchema });

/** Answers that are a session's state. */
export const sessionAnswer = (description: string): AnswerDescription => ({ description, schema: sessionSchema });

export const sessionProblems = ['session-not-found', 'session-not-ready', 'session-busy', 'journal-failed'];

/** Audit's subject of routes about one session. */
export const ofSession =
  ({ sources }: Pick<ApiServices, 'sources'>) =>
  (call: Call<{ session: string }>): Promise<AuditSubject> =>
    sources.of(call.principal, call.params.session);

/** The model that a session's state names, once the work is done. */
export function modelOf(answer: Answer | undefined): AuditSubject {
  if (answer?.kind !== 'json') return {};
  const { model } = answer.body as Partial<SessionState>;
  return model === undefined ? {} : { model: model.name };
}
