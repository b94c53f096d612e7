import type { MessageKey } from '../i18n/catalogue.js';

/** What is wrong as the server says it: `code` is stable and may be in the catalogue as `problem.CODE`. */
export interface ProblemText {
  readonly code: string;
  /** one sentence, English */
  readonly detail: string;
  /** what to do, English */
  readonly remedy: string;
}

/** A text for people: a message of the catalogue with its values, or a problem that the server described. */
export type Text =
  | { readonly key: MessageKey; readonly values?: Readonly<Record<string, string | number>> }
  | { readonly problem: ProblemText };

/** An error whose text is for people. */
export class WorkError extends Error {
  constructor(
    readonly text: Text,
    options?: ErrorOptions,
  ) {
    super('problem' in text ? text.problem.detail : text.key, options);
    this.name = 'WorkError';
  }
}
