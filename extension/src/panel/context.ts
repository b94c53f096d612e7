import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Tool } from '../contract/viewer.js';
import type { GuardedAction, WorkActions, WorkState } from '../contract/work.js';
import type { MessageKey } from '../i18n/catalogue.js';
import type { Translate } from '../i18n/translate.js';
import type { Formats } from './format.js';
import type { PanelMemory } from './memory.js';
import type { FrameStore } from './store.js';

/** Keys as the host shows them, by what they do; `keyboard` begins to draw with the keyboard alone. */
export type Hotkeys = Readonly<
  Partial<Record<Tool | GuardedAction | 'fromCurrent' | 'toCurrent' | 'keyboard', string>>
>;

export interface PanelContextValue {
  readonly store: FrameStore;
  readonly actions: WorkActions;
  readonly language: string;
  readonly text: Translate;
  readonly t: (key: MessageKey, values?: Readonly<Record<string, string | number>>) => string;
  readonly format: Formats;
  readonly memory: PanelMemory;
  readonly hotkeys: Hotkeys;
}

export const PanelContext = createContext<PanelContextValue | undefined>(undefined);

export function usePanel(): PanelContextValue {
  const value = useContext(PanelContext);
  if (value === undefined) throw new Error('A part of the panel was mounted outside of it.');
  return value;
}

/**
 * @param select gives a part of the state, or a primitive made of it: never a new object, which would draw at every change
 */
export function useWork<T>(select: (state: WorkState) => T): T {
  const { store } = usePanel();
  return useSyncExternalStore(store.subscribe, () => select(store.getState()));
}

/** Why the action cannot be done now, in words; undefined: it can. */
export function useReason(action: GuardedAction): string | undefined {
  const { text } = usePanel();
  const reason = useWork((state) => state.unavailable[action]);
  return reason === undefined ? undefined : text(reason);
}
