import { ProtocolError } from './protocol-error.js';

/** The code of the error that an action throws; any other outcome as text, so that a test shows it. */
export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof ProtocolError ? error.code : String(error);
  }
  return 'no error';
}
