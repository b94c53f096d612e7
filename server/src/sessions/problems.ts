import { UserError } from '@medsam2/models';

/** The errors that sessions themselves give; sentences are for the person who asked. */

export const sessionNotFound = (id: string): UserError =>
  new UserError('session-not-found', `There is no session ${id.slice(0, 64)}.`, 'Create one for the series.');

export const notReady = (): UserError =>
  new UserError(
    'session-not-ready',
    'The images of the session are still being loaded.',
    'Wait for the phase ready, then repeat it.',
  );

export const busy = (what: string): UserError =>
  new UserError(
    'session-busy',
    `${what} while a propagation runs.`,
    'Wait for its end or cancel it, then repeat the request.',
  );

export const segmentNotFound = (segment: number): UserError =>
  new UserError('segment-not-found', `There is no segment ${segment}.`, 'Add a segment first.');

export const segmentLocked = (segment: number): UserError =>
  new UserError('segment-locked', `Segment ${segment} is locked.`, 'Unlock it to change it.');

export const sliceNotFound = (slice: number, slices: number): UserError =>
  new UserError(
    'slice-not-found',
    `Slice ${slice} is outside the volume with slices 0 to ${slices - 1}.`,
    'Slices count from 0.',
  );

export const limitReached = (what: string, limit: number): UserError =>
  new UserError('session-limit', `A session holds at most ${limit} ${what}.`, 'Go on in a new session.');

/** Absence of an object on a slice, as a person is told it. */
export const absentMessage = (slice: number): string =>
  `The model sees no object on slice ${slice}: draw a larger box, add a point on the object, or choose another window.`;

/** What a session says of an error that ended something in the background. */
export function problemOf(error: unknown): { code: string; detail: string; remedy: string } {
  if (error instanceof UserError) return { code: error.code, detail: error.message, remedy: error.remedy };
  return {
    code: 'internal-error',
    detail: 'The server failed; its log says why.',
    remedy: 'Try again; if it happens again, tell the operator.',
  };
}
