import { frameStore } from './store.js';
import { readyState } from './testing/state.js';
import { memoryWorkbench } from './testing/workbench.js';

describe('the state as the panel draws it', () => {
  const set = () => {
    const workbench = memoryWorkbench(readyState);
    const frames: (() => void)[] = [];
    const store = frameStore(workbench, (callback) => frames.push(callback));
    const seen: (number | undefined)[] = [];
    store.subscribe(() => seen.push(store.getState().position));
    const nextFrame = () => frames.splice(0).forEach((callback) => callback());
    return { workbench, store, seen, frames, nextFrame };
  };

  it('shows the first change at once and what follows once per frame', () => {
    const { workbench, seen, nextFrame } = set();
    for (let position = 0; position < 50; position++) workbench.change({ position });
    expect(seen).toEqual([0]);
    nextFrame();
    expect(seen).toEqual([0, 49]);
    workbench.change({ position: 7 });
    expect(seen).toEqual([0, 49]);
    nextFrame();
    expect(seen).toEqual([0, 49, 7]);
  });

  it('asks for no frames when nothing changes', () => {
    const { workbench, frames, nextFrame, seen } = set();
    workbench.change({ position: 1 });
    nextFrame();
    expect(frames).toHaveLength(0);
    workbench.change({ position: 2 });
    expect(seen).toEqual([1, 2]);
  });

  it('tells nobody any more once it is closed', () => {
    const { workbench, store, seen, nextFrame } = set();
    workbench.change({ position: 1 });
    workbench.change({ position: 2 });
    store.close();
    nextFrame();
    workbench.change({ position: 3 });
    expect(seen).toEqual([1]);
  });
});
