import { ApiError } from '../client/api-error.js';
import type { WorkActions } from '../contract/index.js';
import type { Environment } from './environment.js';
import type { SeriesController } from './series-controller.js';

/** What the panel can ask for, given to the series in the active viewport; nothing happens where there is none. */
export function workActions(env: Environment, current: () => SeriesController | undefined): WorkActions {
  const { viewer, shared, notices } = env;
  return {
    reconnect: () => env.connection.reconnect(),
    chooseVolume: async (index) => current()?.chooseVolume(index),
    overrule: (code) => current()?.overrule(code),
    begin: async () => current()?.begin(),
    chooseModel: async (model) => {
      shared.set({ modelName: model });
      await current()?.change({ model });
    },
    chooseWindow: async (windowChoice) => {
      shared.set({ windowChoice });
      await current()?.change('window');
    },

    addSegment: async (body = {}) => current()?.segments.add(body),
    changeSegment: async (id, body) => current()?.segments.change(id, body),
    removeSegment: async (id) => current()?.segments.remove(id),
    selectSegment: (id) => current()?.segments.select(id),
    showSegment: (id, visible) => current()?.segments.show(id, visible),
    searchTerms: async (query) => {
      try {
        return await env.api.terms(query);
      } catch (error) {
        if (error instanceof ApiError) env.connection.failed(error);
        notices.failure('terms', error);
        return [];
      }
    },

    setTool: (tool) => viewer.setTool(tool),
    removePrompt: async (id) => current()?.prompting.remove(id),
    showPrompts: (promptsVisible) => shared.set({ promptsVisible }),

    setRange: (range) => current()?.setRange(range),
    setRangeEnd: (end) => current()?.setRangeEnd(end),
    setDirection: (direction) => shared.set({ direction }),
    propagate: async (which) => current()?.running.propagate(which),
    stop: async () => current()?.running.stop(),
    undo: async () => current()?.move('undo'),
    redo: async () => current()?.move('redo'),
    reset: async (segment) => current()?.segments.reset(segment),

    jumpTo: (slice) => current()?.jumpTo(slice),
    nextDoubtful: (step) => current()?.nextDoubtful(step),

    save: async (request) => current()?.saving.save(request),
    openSaved: async (save) => current()?.saving.open(save),
    continueFrom: async (stored) => current()?.continueFrom(stored),
    discard: async () => current()?.discard(),

    dismiss: (notice) => notices.dismiss(notice),
    retry: (notice) => notices.retry(notice),
  };
}
