import { describeError, UserError } from '@medsam2/models';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { isLoopback, resolvePacs, type Environment, type LoadedConfig } from '../config/index.js';
import type { PacsConfig } from '../dicomweb/config.js';
import { createPacs, type Pacs } from '../dicomweb/index.js';
import { makePrivateFolder, systemCode } from '../durable/private-files.js';
import { createProxyTarget } from '../http/index.js';
import { text } from '../imaging/dicom/dataset.js';
import { parseDevice } from '../inference/devices.js';
import { openModel } from '../inference/open-model.js';
import { authenticatorOf, registryOf } from './compose.js';
import { ModelCatalogue } from './model-catalogue.js';

/** What the doctor says of one hop. */
export interface Diagnosis {
  /** e.g. `pacs default: QIDO-RS` */
  readonly name: string;
  readonly state: 'ok' | 'hint' | 'failed' | 'skipped';
  /** one sentence without secrets */
  readonly finding: string;
  readonly remedy?: string;
  readonly milliseconds: number;
}

type Finding = Pick<Diagnosis, 'state' | 'finding' | 'remedy'>;
const ok = (finding: string): Finding => ({ state: 'ok', finding });
const hint = (finding: string, remedy: string): Finding => ({ state: 'hint', finding, remedy });
const failed = (finding: string, remedy: string): Finding => ({ state: 'failed', finding, remedy });
const skipped = (finding: string): Finding => ({ state: 'skipped', finding });

/**
 * Looks at every hop that a segmentation takes, in its order, and names the broken one. Changes nothing: what is written to
 * test a disk is removed, and what is sent to test storing holds no object.
 */
export async function* diagnose(loaded: LoadedConfig, env: Environment): AsyncGenerator<Diagnosis> {
  const { config } = loaded;
  yield* look('configuration', () => Promise.resolve(configuration(loaded)));
  yield* look('data directory', () => dataDirectory(loaded));
  yield* look('model', () => model(loaded, env));
  yield* look('identity', () => identity(loaded));
  if (config.jobs.redisUrl !== undefined) yield* look('redis', () => redis(config.jobs.redisUrl ?? ''));
  for (const settings of config.pacs) yield* pacs(resolvePacs(settings, loaded.secret));
  yield* look('browsers', () => Promise.resolve(browsers(loaded)));
  yield* look('server', () => server(loaded));
}

async function* look(name: string, check: () => Promise<Finding>): AsyncGenerator<Diagnosis, boolean> {
  const started = performance.now();
  let finding: Finding;
  // The time limits of requests do not keep a process alive, nor does a request whose connection was closed early.
  const awake = setInterval(() => undefined, 1000);
  try {
    finding = await check();
  } catch (error) {
    const remedy = error instanceof UserError ? error.remedy : 'Look at what stands before this hop.';
    finding = failed(error instanceof UserError ? error.message : describeError(error).split('\n')[0], remedy);
  } finally {
    clearInterval(awake);
  }
  yield { name, ...finding, milliseconds: Math.round(performance.now() - started) };
  return finding.state === 'ok';
}

function configuration({ config, notes }: LoadedConfig): Finding {
  if (notes.length > 0) return hint(notes.join(' '), 'Correct the name, or remove the variable.');
  if (config.pacs.length === 0)
    return failed('No PACS is configured.', 'Set DICOMWEB_URL, or `pacs` in the configuration.');
  return ok(`It is valid; ${config.pacs.length} PACS, authentication ${config.auth.mode}.`);
}

async function dataDirectory({ dataDirectory: folder, config }: LoadedConfig): Promise<Finding> {
  await makePrivateFolder(folder);
  const probe = join(folder, `.doctor-${randomUUID()}`);
  try {
    await writeFile(probe, 'x', { mode: 0o600 });
  } catch (error) {
    const why = systemCode(error) ?? 'unknown reason';
    return failed(
      `${folder} cannot be written (${why}).`,
      'Give it to the user of the server, or set MEDSAM2_DATA_DIR.',
    );
  } finally {
    await rm(probe, { force: true });
  }
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const shown = `${folder} can be written; ${(free / 2 ** 30).toFixed(1)} GiB are free.`;
  return free < config.leastFreeBytes ? failed(shown, 'Free some space, or lower `leastFreeBytes`.') : ok(shown);
}

async function model(loaded: LoadedConfig, env: Environment): Promise<Finding> {
  const { config } = loaded;
  const found = await new ModelCatalogue(registryOf(loaded, env), config.models.default)
    .resolve()
    .catch((error: unknown) => {
      // users are told less than the operator, who is here
      const [own, inner] = error instanceof UserError ? [error, error.cause] : [];
      if (inner instanceof UserError) throw inner;
      if (own?.code !== 'model-not-installed') throw error;
      throw new UserError(own.code, `The model ${config.models.default} is not installed.`, 'See medsam2 models list.');
    });
  const notes: string[] = [];
  const opened = await openModel(found, {
    device: parseDevice(config.models.device),
    threads: config.models.threads,
    log: (line) => notes.push(line),
  });
  await opened.segmenter.close();
  const shown = `${found.name} runs on ${opened.device}${opened.device === 'cpu' ? ` with ${opened.threads} threads` : ''}.`;
  if (notes.length > 0) return hint(`${shown} ${notes.join(' ')}`, 'See docs/models.md for what each device needs.');
  if (found.demonstration)
    return hint(
      `${shown} It is a demonstration: its masks are not to be relied on.`,
      'medsam2 models list shows others.',
    );
  return ok(shown);
}

/** A token of nobody: that it is refused as such shows that the provider and its keys are there. */
const nobody = ['{"alg":"RS256","kid":"doctor"}', '{}', 'x']
  .map((part) => Buffer.from(part).toString('base64url'))
  .join('.');

async function identity(loaded: LoadedConfig): Promise<Finding> {
  const { auth, http } = loaded.config;
  const authenticator = await authenticatorOf(loaded, pino({ enabled: false }));
  if (auth.mode === 'none') return ok(`Nobody is asked; only this machine reaches ${http.host}.`);
  try {
    await authenticator.authenticate({ authorization: `Bearer ${nobody}` });
  } catch (error) {
    if (error instanceof UserError && error.code === 'identity-provider-unreachable')
      return failed(
        `${error.message} (${describeError(error.cause)})`,
        'Check `auth.oidc.issuer`, to the character, and the network.',
      );
    if (!(error instanceof UserError) || error.code !== 'not-authenticated') throw error;
  }
  return ok(auth.mode === 'keys' ? 'The file of API keys is valid.' : 'The provider and its keys are there.');
}

const redisMs = 5000;

async function redis(url: string): Promise<Finding> {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: redisMs,
    maxRetriesPerRequest: 0,
  });
  // told by the failing call
  client.on('error', () => undefined);
  // a connection that is closed before it is ready leaves the client's own promises open for ever
  const given = new AbortController();
  const late = sleep(redisMs, undefined, { signal: given.signal }).then(() => Promise.reject(new Error('no answer')));
  const ended = new Promise<never>((_, reject) => client.once('end', () => reject(new Error('connection closed'))));
  const asked = client.connect().then(() => client.ping());
  try {
    await Promise.race([asked, ended, late]);
    return ok('It answers.');
  } catch (error) {
    return failed(
      `It does not answer (${systemCode(error) ?? 'connection failed'}).`,
      'Check REDIS_URL, and that Redis runs.',
    );
  } finally {
    given.abort();
    // what loses the race has been told already
    for (const loser of [asked, ended, late]) loser.catch(() => undefined);
    client.disconnect();
  }
}

interface FoundInstance {
  readonly study: string;
  readonly series: string;
  readonly instance: string;
}

async function* pacs(settings: PacsConfig): AsyncGenerator<Diagnosis> {
  const name = `pacs ${settings.name}`;
  if (settings.credentials.kind === 'pass-through') {
    yield* look(name, () => passThrough(settings));
    return;
  }
  const client = createPacs(settings);
  try {
    let found: FoundInstance | undefined;
    const reached = yield* look(`${name}: reachable`, async () => {
      const { reachable, reason } = await client.check();
      return reachable ? ok(reason) : failed(reason, 'Check address, credentials and network of this PACS.');
    });
    if (!reached) return;
    yield* look(`${name}: QIDO-RS`, async () => {
      found = await findInstance(client);
      return found === undefined
        ? hint('It answers and holds nothing.', 'Store a series to test the rest.')
        : ok('It finds.');
    });
    yield* look(`${name}: WADO-RS`, async () => {
      if (found === undefined) return skipped('There is nothing to fetch.');
      const bytes = await client.instance(found.study, found.series, found.instance);
      return ok(`It gives objects as stored (transfer-syntax=*), ${bytes.byteLength} bytes for one.`);
    });
    yield* look(`${name}: STOW-RS`, () => storing(settings));
  } finally {
    await client.close();
  }
}

async function passThrough(settings: PacsConfig): Promise<Finding> {
  const client = createPacs(settings);
  try {
    const { reachable, reason } = await client.check();
    // without a user there is no token to show
    if (reachable || /401|403/.test(reason)) return ok('It answers; with whose rights is known when a user asks.');
    return failed(reason, 'Check address and network of this PACS.');
  } finally {
    await client.close();
  }
}

async function findInstance(client: Pacs): Promise<FoundInstance | undefined> {
  for (const study of await client.searchStudies({}, { limit: 5 })) {
    const studyUid = text(study, '0020000D');
    if (studyUid === undefined) continue;
    for (const series of await client.searchSeries(studyUid, {}, { limit: 5 })) {
      const seriesUid = text(series, '0020000E');
      if (seriesUid === undefined) continue;
      const [instance] = await client.searchInstances(studyUid, seriesUid, {}, { limit: 1 });
      const uid = instance === undefined ? undefined : text(instance, '00080018');
      if (uid !== undefined) return { study: studyUid, series: seriesUid, instance: uid };
    }
  }
  return undefined;
}

/** Sends a body without any object: nothing can be stored, and who may not store is told so all the same. */
async function storing(settings: PacsConfig): Promise<Finding> {
  if (!settings.writable) return skipped('It is configured as read-only.');
  const target = createProxyTarget(settings);
  const boundary = randomUUID();
  try {
    const answer = await target.forward({
      what: 'dicomweb.store',
      method: 'POST',
      address: '/studies',
      headers: {
        'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
        accept: 'application/dicom+json',
      },
      body: (async function* () {
        yield await Promise.resolve(Buffer.from(`--${boundary}--\r\n`));
      })(),
      signal: AbortSignal.timeout(settings.timeouts.store),
    });
    await answer.discard();
    const { status } = answer;
    if (status === 405 || status === 501)
      return failed(
        `It does not take objects (HTTP ${status}).`,
        'Switch STOW-RS on in the PACS, or set `writable` to false.',
      );
    return ok(`It takes requests to store (HTTP ${status} for one without an object).`);
  } finally {
    await target.close();
  }
}

function browsers({ config }: LoadedConfig): Finding {
  const { http, viewer } = config;
  if (http.publicUrl?.startsWith('http:') === true && !isLoopback(new URL(http.publicUrl).hostname))
    return hint(
      'Browsers reach the server without encryption.',
      'Put a reverse proxy with TLS before it; docs/server.md.',
    );
  if (viewer.directory === undefined && http.corsOrigins.length === 0)
    return hint(
      'Only pages of this server’s own origin may use it, and it serves none.',
      'Name the viewer’s origin in `http.corsOrigins`, or its files in `viewer.directory`.',
    );
  return ok(
    viewer.directory === undefined ? `Pages of ${http.corsOrigins.join(', ')} may use it.` : 'It serves a viewer.',
  );
}

async function server({ config: { http } }: LoadedConfig): Promise<Finding> {
  const host = http.host === '0.0.0.0' || http.host === '::' ? 'localhost' : http.host;
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${http.port}`;
  try {
    const answer = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(10_000) });
    const { checks = [] } = (await answer.json()) as { checks?: { name: string; state: string; reason: string }[] };
    const bad = checks.filter(({ state }) => state !== 'ok').map(({ name, reason }) => `${name}: ${reason}`);
    return answer.ok
      ? ok(`It runs at ${address} and is ready.`)
      : hint(`It runs and is not ready: ${bad.join(' ')}`, address);
  } catch {
    return skipped(`Nothing answers at ${address}: the server does not run, or elsewhere.`);
  }
}
