/**
 * The whole way of a user in a real browser, with a real PACS and server: from a box to a saved segmentation and back, on
 * a CT, a clip and an MR. The same built plug-in in each viewer; `OHIF_VERSION` tells it for one of them alone.
 */
import { viewerVersions } from '@medsam2/demo';
import { startTcpProxy } from '@medsam2/tests/dist/support/tcp-proxy.js';
import { describeWithViewer, openViewer, requireNoProblems, type OpenedViewer } from '../support/index.js';
import { clipChapters, mrChapters } from './clip-chapters.js';
import { ctChapters, streamChapters } from './ct-chapters.js';
import { editChapters } from './edit-chapters.js';
import { layoutChapters } from './layout-chapters.js';
import { returnChapters } from './return-chapters.js';
import { story } from './story.js';
import { User } from './user.js';
import type { Visit } from './visit.js';

const one = process.env.OHIF_VERSION;

describe.each(one === undefined ? Object.keys(viewerVersions) : [one])('OHIF %s', (ohif) => {
  describeWithViewer('a visit', () => {
    let opened: OpenedViewer | undefined;
    const visit: Visit = {
      user: undefined as never,
      line: undefined as never,
      ct: undefined as never,
      masks: new Map(),
    };

    beforeAll(async () => {
      opened = await openViewer({
        name: 'flow',
        ohif,
        studies: ['ct', 'us', 'mr'],
        viewport: sizeOf(process.env),
        beforeServer: async (url) => {
          const line = await startTcpProxy(Number(new URL(url).port));
          Object.assign(visit, { line });
          return { url: `http://127.0.0.1:${line.port}`, close: () => line.close() };
        },
      });
      Object.assign(visit, { user: new User(opened), ct: opened.study('ct') });
    });
    afterAll(() => opened?.close());

    const after = (): void => requireNoProblems(visit.user.opened.problems);
    const chapter = story(after);
    ctChapters(chapter, visit);
    streamChapters(chapter, visit);
    editChapters(chapter, visit);
    returnChapters(chapter, visit);
    layoutChapters(chapter, visit);
    clipChapters(story(after), visit);
    mrChapters(story(after), visit);
  });
});

/** `E2E_SIZE=1920x1080` for pictures of large screens. */
function sizeOf({ E2E_SIZE: size = '1280x800' }: NodeJS.ProcessEnv): { width: number; height: number } {
  const [width, height] = size.split('x').map(Number);
  return { width, height };
}
