import type { GraphRunner } from '../engine/graph-runner.js';

/** The same graphs; tells of every mask that the decoder made, which is one slice of one segment. */
export function countSlices(graphs: GraphRunner, counted: () => void): GraphRunner {
  return {
    architecture: graphs.architecture,
    host: graphs.host,
    encode: (...request) => graphs.encode(...request),
    attend: (...request) => graphs.attend(...request),
    decode: async (...request) => {
      const output = await graphs.decode(...request);
      counted();
      return output;
    },
    encodeMemory: (...request) => graphs.encodeMemory(...request),
    release: (handle) => graphs.release(handle),
    onLost: (listener) => graphs.onLost(listener),
    close: () => graphs.close(),
  };
}
