import type { CreateSession, Propagate } from '@medsam2/protocol';
import type { Change, Settings } from './state.js';

/** First line of a journal: what the session is. UIDs, never anything about the patient. */
export interface JournalHeader {
  readonly type: 'session';
  readonly version: 1;
  readonly id: string;
  readonly owner: string;
  readonly created: string;
  readonly source: CreateSession['source'] & { readonly pacs: string; readonly volume: number };
  readonly settings: Settings;
  readonly grid: { readonly slices: number; readonly rows: number; readonly columns: number };
  /** sha256 of the images in order: masks belong to exactly these */
  readonly images: string;
  readonly historyBytes: number;
}

export interface RunEnd {
  readonly type: 'run-end';
  readonly run: string;
  readonly state: 'done' | 'cancelled' | 'failed';
  readonly segments: readonly number[];
  readonly done: number;
  readonly total: number;
  readonly message?: string;
}

/** Further lines: what happened, in order. `at`: time, for people. */
export type JournalRecord = { readonly at?: string } & (
  | {
      readonly type: 'step';
      /** e.g. `prompt`, `edit`, `segment`, `reset`, `import` */
      readonly what: string;
      readonly changes: readonly Change[];
    }
  | {
      readonly type: 'run';
      readonly run: string;
      readonly segments: readonly number[];
      readonly request: Propagate;
      readonly total: number;
    }
  | { readonly type: 'results'; readonly run: string; readonly changes: readonly Change[] }
  | RunEnd
  | { readonly type: 'undo' }
  | { readonly type: 'redo' }
  | { readonly type: 'settings'; readonly settings: Settings }
  /** the PACS confirmed the content of this revision */
  | { readonly type: 'saved'; readonly revision: number }
);
