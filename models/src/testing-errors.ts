/** For tests: what a failing call threw, and the rules every user error keeps. */
import { UserError } from './errors.js';

/** The UserError of a call; fails the test when the call succeeds, throws something else, or breaks the rules of messages. */
export async function userError(call: () => unknown): Promise<UserError> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(error.code)) throw new Error(`the code ${error.code} is not kebab-case`);
    if (!/[.!)]$/.test(error.message)) throw new Error(`not a sentence: ${error.message}`);
    if (/\n|undefined|\[object/.test(error.message)) throw new Error(`not for people: ${error.message}`);
    if (error.remedy.length < 10) throw new Error(`no remedy: ${error.message}`);
    return error;
  }
  throw new Error(`expected a UserError, got ${String(JSON.stringify(result))}`);
}
