/** What is bounded, and the two clocks. */
export interface SessionLimits {
  /** of one user, those on disk included */
  readonly sessionsPerUser: number;
  /** bytes of voxels, features and masks */
  readonly memoryBytes: number;
  /** of these, bytes that features may take in each open model */
  readonly featureBytes: number;
  /** bytes of one volume */
  readonly volumeBytes: number;
  readonly segments: number;
  readonly prompts: number;
  /** bytes of masks and prompts of one session */
  readonly contentBytes: number;
  readonly historyBytes: number;
  readonly journalBytes: number;
  /** put to disk after so long without a request */
  readonly idleMs: number;
  /** after so long without request and stream a client counts as gone: the first to be put to disk for others' sake */
  readonly goneMs: number;
  /** how long a request waits for the images */
  readonly readyMs: number;
  /** slices encoded ahead around the user's position */
  readonly encodeAhead: number;
  readonly pingMs: number;
}

export const defaultLimits: SessionLimits = {
  sessionsPerUser: 32,
  memoryBytes: 4 * 2 ** 30,
  featureBytes: 768 * 2 ** 20,
  volumeBytes: 2 * 2 ** 30,
  segments: 255,
  prompts: 2000,
  contentBytes: 256 * 2 ** 20,
  historyBytes: 64 * 2 ** 20,
  journalBytes: 2 ** 30,
  idleMs: 30 * 60_000,
  goneMs: 60_000,
  readyMs: 30_000,
  encodeAhead: 32,
  pingMs: 15_000,
};
