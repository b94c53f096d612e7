/**
 * An error a user can act on: a stable code for programs, one sentence for people, and what to do next.
 *
 * Everything in this project that fails because of its input, its surroundings or its operator throws this class;
 * any other exception is a defect of the program.
 */
export class UserError extends Error {
  override readonly name = 'UserError';

  /**
   * @param code stable identifier in kebab-case, e.g. `checkpoint-truncated`; never reused for another meaning
   * @param message one sentence that says what is wrong, with the offending value; no patient data
   * @param remedy one sentence that says what to do about it
   * @param options `cause`: the lower-level error, kept for logs and never shown by default
   */
  constructor(
    readonly code: string,
    message: string,
    readonly remedy: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** The text shown to a person for any thrown value: one sentence, and the remedy when there is one. */
export function describeError(error: unknown): string {
  if (error instanceof UserError) return `${error.message} ${error.remedy}`;
  if (error instanceof Error) return error.message;
  return String(error);
}
