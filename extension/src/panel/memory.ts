import type { Workbench } from '../contract/work.js';

/** What the user set in the panel itself. The host unmounts the panel whenever another tab is shown, so it lives here. */
export interface PanelMemory {
  readonly open: Map<string, boolean>;
  description: string;
  propagateAll: boolean;
}

const memories = new WeakMap<Workbench, PanelMemory>();

/** The memory of the panels of a workbench; a statement such as "reviewed" is never kept. */
export function memoryOf(workbench: Workbench): PanelMemory {
  let memory = memories.get(workbench);
  if (memory === undefined) {
    memory = { open: new Map(), description: '', propagateAll: false };
    memories.set(workbench, memory);
  }
  return memory;
}
