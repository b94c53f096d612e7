/** The controller of the OHIF extension against a real server and PACS, with a viewer that has no pictures. */
import { createWorkbench, newUuid, type KeyValueStorage } from '@medsam2/ohif-extension/controller';
import type { SeriesTarget, Workbench, WorkState } from '@medsam2/ohif-extension';
import { MemoryViewer } from '@medsam2/ohif-extension/testing';
import { parsePart10 } from '@medsam2/server/testing';
import type { BenchSeries } from '../bench/series.js';

/** A series as a viewer lists it: not in the order of the volume, and each image by its identifiers. */
export function targetOf(series: BenchSeries, displaySetId: string, files = series.files()): SeriesTarget {
  const images = files.map((bytes) => ({
    sopInstanceUid: String((parsePart10(bytes).dataset['00080018'] as { Value: string[] }).Value[0]),
  }));
  return {
    displaySetId,
    ...series.source,
    modality: 'CT',
    description: 'phantom',
    kind: 'stack',
    images: images.toReversed(),
  };
}

/** Storage of a browser, as far as it is used. */
export function memoryStorage() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  };
}

const longest = 20_000;

/** A person at a viewer: what is done is done by the viewer's and the panel's ways. */
export class Person {
  readonly bench: Workbench;

  constructor(
    readonly viewer: MemoryViewer,
    server: string,
    storage: KeyValueStorage = memoryStorage(),
    tabStorage: KeyValueStorage = memoryStorage(),
  ) {
    this.bench = createWorkbench({ viewer, server, storage, tabStorage });
  }

  get state(): WorkState {
    return this.bench.getState();
  }

  get actions(): Workbench['actions'] {
    return this.bench.actions;
  }

  /** Waits for what the panel would show. @throws with the state when it does not come */
  until(what: string, holds: (state: WorkState) => boolean): Promise<WorkState> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!holds(this.state)) return;
        stop();
        resolve(this.state);
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`${what} did not come: ${described(this.state)}`));
      }, longest);
      // masks in the viewer are not part of the state
      const interval = setInterval(look, 10);
      const unsubscribe = this.bench.subscribe(look);
      const stop = (): void => {
        clearTimeout(timer);
        clearInterval(interval);
        unsubscribe();
      };
      look();
    });
  }

  /** Draws the box of the series' object. @returns the prompt */
  drawBox({ slice, drawing }: BenchSeries, id: string = newUuid()): string {
    const { box } = drawing;
    this.viewer.draw({ id, drawing: { kind: 'box', place: { slice }, box: box as [number, number, number, number] } });
    return id;
  }

  notice(id: string): WorkState['notices'][number] | undefined {
    return this.state.notices.find((notice) => notice.id === id);
  }
}

function described({ server, session, run, notices, prompts, segments, pending }: WorkState): string {
  return JSON.stringify({
    server,
    phase: session?.phase,
    problem: session?.problem,
    run,
    notices,
    prompts: prompts.map(({ state }) => state),
    segments: segments.map(({ id, sliceCount }) => [id, sliceCount]),
    pending,
  });
}

/** Dice coefficient of masks by slice with the truth [slice][row][column]. */
export function dice(masks: readonly (Uint8Array | undefined)[], truth: ArrayLike<number>, size: number): number {
  let [both, sum] = [0, 0];
  masks.forEach((mask, slice) => {
    for (let at = 0; at < size; at++) {
      const [a, b] = [(mask?.[at] ?? 0) > 0, truth[slice * size + at] > 0];
      both += Number(a && b);
      sum += Number(a) + Number(b);
    }
  });
  return (2 * both) / sum;
}
