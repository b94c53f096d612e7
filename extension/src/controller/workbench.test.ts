import { MemoryViewer } from '../testing/memory-viewer.js';
import { createWorkbench } from './workbench.js';

test('who has no role is told over the viewer, once: it may show nothing of the study either', async () => {
  const problem = { code: 'not-allowed', detail: 'Your account has no role here.', remedy: 'Ask your administrator.' };
  const viewer = new MemoryViewer();
  let asked = 0;
  const bench = createWorkbench({
    viewer,
    fetch: () => {
      asked++;
      return Promise.resolve(Response.json(problem, { status: 403 }));
    },
  });
  try {
    await new Promise<void>((resolve) =>
      bench.subscribe(() => bench.getState().server.phase === 'offline' && resolve()),
    );
    const first = asked;
    await bench.actions.reconnect();
    expect(asked).toBeGreaterThan(first);
    expect(viewer.announced).toEqual([{ text: { problem }, severity: 'error' }]);
  } finally {
    bench.close();
  }
});
