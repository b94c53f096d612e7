import type { GraphRunner } from '@medsam2/server';

type Attend = Parameters<GraphRunner['attend']>;
type Decode = Awaited<ReturnType<GraphRunner['decode']>>;

/** What passes between the engine and its graphs, seen from the side; nothing is changed. */
export interface Observation {
  attends: { readonly memories: Attend[1]; readonly pointers: Attend[2] }[];
  decodes: Decode[];
}

export function observe(inner: GraphRunner): { graphs: GraphRunner; seen: Observation } {
  const seen: Observation = { attends: [], decodes: [] };
  const graphs: GraphRunner = {
    architecture: inner.architecture,
    host: inner.host,
    encode: (...request) => inner.encode(...request),
    attend: (features, memories, pointers, call) => {
      seen.attends.push({ memories, pointers });
      return inner.attend(features, memories, pointers, call);
    },
    decode: async (...request) => {
      const output = await inner.decode(...request);
      seen.decodes.push(output);
      return output;
    },
    encodeMemory: (...request) => inner.encodeMemory(...request),
    release: (handle) => inner.release(handle),
    onLost: (listener) => inner.onLost(listener),
    close: () => inner.close(),
  };
  return { graphs, seen };
}
