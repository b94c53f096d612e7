import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { UserError } from '@medsam2/models';
import { Tinypool } from 'tinypool';
import type { Decompress } from './decode.js';
import type { DecodeAnswer, DecodeTask } from './decoders/decode-worker.js';

/** Where compressed frames are decoded. */
export interface Decoders {
  readonly decompress: Decompress;
  /** frames that are decoded at once */
  readonly atOnce: number;
}

/** More threads than this wait for memory rather than for the processor. */
const MAX_THREADS = 8;
/** A thread without work ends after this time, and its decoders' memory with it. */
const IDLE_MS = 30_000;

/**
 * Threads that decode compressed frames: a JPEG 2000 slice takes 100 ms, during which this thread would answer nobody.
 * They start with the first frame, leave one processor to the others, and do not keep the process alive.
 */
function startDecoders(threads = Math.max(1, Math.min(MAX_THREADS, availableParallelism() - 1))): Decoders {
  const pool = new Tinypool({
    filename: fileURLToPath(new URL('decoders/decode-worker.js', import.meta.url)),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_MS,
  });
  return {
    atOnce: threads,
    async decompress(encoded, format, transferSyntaxUid) {
      // a copy is handed over (slice of a Buffer makes none); the instance may hold other frames in the same memory
      const task: DecodeTask = { encoded: new Uint8Array(encoded), format, transferSyntaxUid };
      const answer = (await pool.run(task, { transferList: [task.encoded.buffer as ArrayBuffer] })) as DecodeAnswer;
      if ('frame' in answer) return answer.frame;
      const { code, message, remedy } = answer.error;
      throw new UserError(code, message, remedy);
    },
  };
}

let started: Decoders | undefined;

/** The threads of this process; there is one processor to share, however many series are loaded. */
export const threadDecoders = (): Decoders => (started ??= startDecoders());
