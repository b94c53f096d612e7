import { ApiError } from '../client/api-error.js';
import type { SeriesWork } from './series-work.js';

/**
 * One step back or forth in the session's history, once everything asked for before has been answered.
 * @returns whether there was one
 */
export async function move(work: SeriesWork, direction: 'undo' | 'redo'): Promise<boolean> {
  const { api, notices } = work.env;
  return work.queue.run(async () => {
    const { session } = work.data.get();
    if (session === undefined) return false;
    const { id, canRedo } = session.state;
    const before = work.exactRevision;
    try {
      const state = await work.persist(async (attempt) => {
        if (attempt > 1) {
          const now = await api.session(id);
          if (isDone(direction, { canRedo, revision: before }, now)) return now;
        }
        return api.move(id, direction);
      });
      work.adopt(state);
      notices.dismiss('history');
      return true;
    } catch (error) {
      // keys pressed faster than the panel shows that nothing is left
      if (error instanceof ApiError && error.code === `nothing-to-${direction}`) return false;
      notices.failure('history', error, async () => void (await move(work, direction)));
      return false;
    }
  });
}

/**
 * Whether a step whose answer was lost has been done. A session that can redo was last changed by an undo or redo, whose
 * answer named the revision exactly; otherwise an undo shows in that there is something to redo now.
 */
export const isDone = (
  direction: 'undo' | 'redo',
  before: { readonly canRedo: boolean; readonly revision: number },
  now: { readonly canRedo: boolean; readonly revision: number },
): boolean => (direction === 'undo' && !before.canRedo ? now.canRedo : now.revision > before.revision);
