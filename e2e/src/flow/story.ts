/** Chapters of one long visit: each goes on where the one before ended. */

export type Chapter = (name: string, tell: () => Promise<void>) => void;

/**
 * @param after each chapter
 * @returns `it` for tests that need all before them: after a failed one they fail at once, and name it
 */
export function story(after: () => void): Chapter {
  let failed: string | undefined;
  return (name, tell) =>
    it(name, async () => {
      if (failed !== undefined) throw notReached(failed);
      failed = name;
      await tell();
      after();
      failed = undefined;
    });
}

/** Without a stack: the failed chapter has the one that matters. */
function notReached(failed: string): Error {
  const error = new Error(`not reached: the chapter “${failed}” failed`);
  error.stack = error.message;
  return error;
}
