/** The viewer's own login (OpenID Connect): the user's token goes to the server, and work survives its end. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import {
  boxOf,
  describeWithViewer,
  openViewer,
  save,
  segment,
  structureOf,
  waitForMask,
  type OpenedViewer,
  type PhantomStudy,
  type ViewerPage,
} from '../support/index.js';
import { noticeOf, panelText, partWith, serverIs, until } from '../failures/panel.js';
import { Provider } from './provider.js';

const organ = 'left kidney';
const lifeSeconds = 20;

describeWithViewer('behind the login of the viewer', () => {
  let provider: Provider;
  let opened: OpenedViewer;
  let study: PhantomStudy;
  /** addresses of all requests, and the headers of those to the server */
  const addresses: string[] = [];
  const asked: { readonly path: string; readonly authorization: string | undefined }[] = [];

  beforeAll(async () => {
    provider = await Provider.start({
      users: { ada: ['annotator'], rea: ['reader'], nobody: [] },
      clientId: 'ohif',
      audience: 'medsam2',
      lifeSeconds,
    });
    const { issuer } = provider;
    opened = await openViewer({
      name: 'login',
      settings: {
        oidc: [
          {
            authority: issuer,
            client_id: 'ohif',
            redirect_uri: '/callback',
            response_type: 'code',
            scope: 'openid profile',
            accessTokenExpiringNotificationTimeInSeconds: 8,
          },
        ],
      },
      server: {
        config: {
          auth: { mode: 'oidc', oidc: { issuer, audience: 'medsam2', clockToleranceSeconds: 0 } },
          viewer: {
            contentSecurityPolicy:
              "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; " +
              "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; " +
              `connect-src 'self' blob: data: ${issuer}; object-src 'none'; base-uri 'self'; frame-ancestors 'self'`,
          },
        },
      },
    });
    study = opened.study('ct');
    await follow(opened.context);
  });
  afterAll(async () => {
    await opened?.close();
    await provider?.close();
  });

  async function follow(context: BrowserContext): Promise<void> {
    await context.route(
      (url) => url.origin === provider.issuer,
      (route) => route.continue(),
    );
    context.on('request', (request) => {
      addresses.push(request.url());
      const { pathname, origin } = new URL(request.url());
      if (origin === new URL(opened.viewer.url).origin && /^\/(api|dicomweb)\//.test(pathname)) {
        asked.push({ path: pathname, authorization: request.headers().authorization });
      }
    });
  }

  /** Opens the study, logs in on the provider's page, and comes back. */
  async function logIn(viewer: ViewerPage, user: string, open: () => Promise<unknown>): Promise<void> {
    await open();
    const button = viewer.page.getByRole('button', { name: `Log in as ${user}` });
    await button.click({ timeout: 60_000 });
    await viewer.page.waitForURL(`${viewer.url}/medsam2?**`, { timeout: 60_000 });
  }
  const openStudy = (viewer: ViewerPage): Promise<unknown> =>
    viewer.page.goto(`${viewer.url}/medsam2?StudyInstanceUIDs=${study.studyUid}`);

  it('the user’s token goes to the server and, through it, to the PACS', async () => {
    const { viewer } = opened;
    await logIn(viewer, 'ada', () => openStudy(viewer));
    await viewer.waitForImages();
    const line = await serverIs(viewer, 'online');
    expect(await line.getAttribute('data-tip')).toContain('ada');
    await segment(viewer, study, organ);
    await waitForMask(viewer, study, 1, structureOf(study, organ).slice);
    await viewer.picture('logged-in');
    const paths = asked.map(({ path }) => path);
    expect(paths).toContainEqual(expect.stringMatching(/^\/api\/v1\/sessions/));
    expect(paths).toContainEqual(expect.stringMatching(/^\/dicomweb\/default\/studies/));
    const without = asked.filter(
      ({ authorization = '' }) => !provider.tokens.includes(authorization.replace(/^Bearer /, '')),
    );
    expect(without).toEqual([]);
  });

  it('a token that ends in the middle is said; what was drawn is sent after the renewal', async () => {
    const { viewer } = opened;
    const page = await viewer.page.evaluate(() => performance.timeOrigin);
    const slice = structureOf(study, organ).slice + 1;
    await viewer.jumpTo(study, slice);
    await viewer.press('medsam2-prompts-toggle');
    provider.renewals = 'held';
    await until(viewer, 'the end of the token', () => Promise.resolve(Date.now() > provider.newestEnds + 1000));
    await viewer.drag(boxOf(study, organ));
    await serverIs(viewer, 'login-needed');
    await partWith(viewer, 'medsam2-prompt', { 'data-state': 'sending' });
    expect(await panelText(viewer)).toMatch(/Your login has ended.*work is kept/);
    const mask = await viewer.mask(study, 1);
    expect(mask.includes(1)).toBe(true);
    await viewer.picture('login-needed');

    provider.renewals = 'given';
    await serverIs(viewer, 'online');
    await waitForMask(viewer, study, 1, slice);
    expect(await viewer.page.evaluate(() => performance.timeOrigin)).toBe(page);
  });

  it('a login that ended for good is said; work goes on after the next one', async () => {
    const { viewer } = opened;
    provider.renewals = 'refused';
    provider.endSessions();
    await until(viewer, 'the end of the token', () => Promise.resolve(Date.now() > provider.newestEnds + 1000));
    const drawnLast = structureOf(study, organ).slice + 2;
    await viewer.jumpTo(study, drawnLast);
    await viewer.drag(boxOf(study, organ));
    await serverIs(viewer, 'login-needed');

    provider.renewals = 'given';
    await logIn(viewer, 'ada', () => viewer.page.reload());
    await viewer.waitForImages();
    await serverIs(viewer, 'online');
    expect(await (await noticeOf(viewer, 'resumed')).innerText()).toContain('taken up again');
    const { slice } = structureOf(study, organ);
    await waitForMask(viewer, study, 1, slice);
    await waitForMask(viewer, study, 1, slice + 1);
    await waitForMask(viewer, study, 1, drawnLast);
    await save(viewer);
    await viewer.picture('saved');
    const [saved] = await opened.saved(study);
    expect(saved.segments[0].mask.includes(1)).toBe(true);
  });

  it('who may only look is told so', async () => {
    const { viewer, context } = await opened.another();
    try {
      await follow(context);
      await logIn(viewer, 'rea', () => openStudy(viewer));
      await viewer.waitForImages();
      await serverIs(viewer, 'online');
      expect(await panelText(viewer)).toContain('You may look at segmentations here, but not make any.');
      const box = await partWith(viewer, 'medsam2-tool-box', { 'aria-disabled': 'true' });
      expect(await box.getAttribute('data-tip')).toBe('Your account may look but not segment.');
      await viewer.picture('reader');
    } finally {
      await context.close();
    }
  });

  it('who has no role is told so', async () => {
    const { viewer, context } = await opened.another();
    try {
      await follow(context);
      await logIn(viewer, 'nobody', () => openStudy(viewer));
      // over the viewer, which may show nothing of the study itself
      const said = viewer.page.locator('[data-sonner-toast]', { hasText: 'Your account may not do this.' });
      await until(viewer, 'the reason', async () => (await said.count()) > 0);
      await viewer.picture('nobody');
      expect(await panelText(viewer)).toContain('Your account may not do this.');
    } finally {
      await context.close();
    }
  });

  it('no token is in a log or an address', () => {
    const { server } = opened;
    const audit = join(server.dataDirectory, 'audit');
    const written = [
      JSON.stringify(server.log()),
      ...readdirSync(audit).map((file) => readFileSync(join(audit, file), 'utf8')),
    ].join('\n');
    expect(written).toContain('"ada"');
    expect(provider.tokens.length).toBeGreaterThan(6);
    expect(addresses.length).toBeGreaterThan(50);
    for (const token of provider.tokens) {
      expect(written.includes(token)).toBe(false);
      expect(addresses.filter((address) => address.includes(token))).toEqual([]);
    }
  });
});
