import express, { Router, type NextFunction, type Request, type Response } from 'express';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { compatStack } from '../display.js';
import { BridgeError, failureOf } from '../errors.js';
import { drained, isOfWebPage, webPageRefused } from '../http.js';
import { voxelCount } from '../input/geometry.js';
import { PrivateFolder } from '../input/private-folder.js';
import { receiveFields, receiveFile, type ReceivedFile } from '../input/receive.js';
import { track } from '../prompted/clicks.js';
import type { ImageFile, MonaiLabelDeps } from '../prompted/deps.js';
import { openStored } from '../prompted/open.js';
import { promptedSettingsSchema, type PromptedSettings, type PromptedSettingsInput } from '../prompted/settings.js';
import { VolumeStore, type StoredVolume } from '../prompted/store.js';
import type { SlicerBridge } from '../router.js';
import { clicksOf, inferAnswer, readParams } from './infer.js';
import { Tokens } from './tokens.js';

interface Session extends StoredVolume {
  readonly image: ImageFile;
}

const endpoint =
  /^(.{0,256}?)\/(auth|info|session|infer|train|activelearning|datastore|logs|scoring)(?:\/(.{0,256}?))?\/?$/;
const formBytes = 4096;
const paramsBytes = 256 * 1024;
/** Masks beside a volume, in bytes per voxel: a result under way and its file. */
const besideVoxel = 2;

/**
 * What the MONAI Label module of 3D Slicer asks for when it segments by points, as an Express router (specification appendix C;
 * docs/slicer.md). No data store, no training, no active learning.
 */
export function createMonaiLabel(deps: MonaiLabelDeps, input: PromptedSettingsInput = {}): SlicerBridge {
  const server = new MonaiLabel(deps, promptedSettingsSchema.parse(input));
  const router = Router({ caseSensitive: true });
  const form = express.urlencoded({ extended: false, limit: formBytes, parameterLimit: 16, inflate: false });
  router.use((request, response, next) => {
    const [, prefix, name, rest = ''] = endpoint.exec(request.path) ?? [];
    if (name === undefined) return next();
    server.serve({ prefix, name, rest }, request, response, form).catch(next);
  });
  return { router, close: () => server.close() };
}

interface Target {
  readonly prefix: string;
  readonly name: string;
  readonly rest: string;
}

class MonaiLabel {
  private readonly folder: PrivateFolder;
  private readonly sessions: VolumeStore<Session>;
  private readonly tokens: Tokens;
  /** files are read one at a time: what one needs is known only once it is read */
  private reading: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly deps: MonaiLabelDeps,
    private readonly settings: PromptedSettings,
  ) {
    this.folder = new PrivateFolder(deps.temporaryFolder);
    this.sessions = new VolumeStore(settings, deps.now ?? Date.now);
    this.tokens = new Tokens(deps.now ?? Date.now);
  }

  async close(): Promise<void> {
    this.sessions.close();
    await this.folder.close();
  }

  async serve(
    target: Target,
    request: Request,
    response: Response,
    form: (request: Request, response: Response, next: NextFunction) => void,
  ): Promise<void> {
    const gone = new AbortController();
    response.on('close', () => response.writableFinished || gone.abort());
    response.set('Cache-Control', 'no-store');
    const call = `${request.method} ${target.name}`;
    try {
      if (isOfWebPage(request)) throw webPageRefused();
      if (target.name === 'auth') {
        await new Promise<void>((resolve, reject) =>
          form(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(unreadable(error)))),
        );
        return await this.auth(target, request, response);
      }
      const owner = this.ownerOf(target, request);
      await this.answer(target, owner, request, response, gone.signal);
    } catch (error) {
      if (gone.signal.aborted) return;
      await drained(request);
      const { status, code, message, remedy } = failureOf(error);
      const fields = { status, code, reason: message };
      if (code === 'internal') this.deps.log.error(`MONAI Label: ${call} failed`, fields, error);
      else this.deps.log.warn(`MONAI Label: ${call} failed`, fields);
      if (response.headersSent) return;
      if (status === 401) response.set('WWW-Authenticate', 'Bearer');
      response.status(status).json({ detail: `${message} ${remedy}`.trim() });
    }
  }

  /** Log-in as OAuth 2 has it (RFC 6749 section 4.3): a form with user and password, answered with a bearer token. */
  private async auth({ rest }: Target, request: Request, response: Response): Promise<void> {
    const { authenticate } = this.deps;
    if (rest === '' && request.method === 'GET')
      return void response.json({ enabled: authenticate !== undefined, realm: '', client_id: '' });
    if (rest === 'token/valid' && request.method === 'GET') {
      if (authenticate !== undefined && this.tokens.userOf(request.headers.authorization) === undefined)
        throw notLoggedIn();
      return void response.json({ valid: true });
    }
    if (rest !== 'token' || request.method !== 'POST') throw notHere();
    const { username, password } = textFields(request.body);
    if (username === undefined || password === undefined) throw unreadable();
    if (authenticate === undefined || !(await authenticate({ user: username, password }))) throw notLoggedIn();
    const { token, seconds } = this.tokens.issue(username);
    response.json({ access_token: token, token_type: 'bearer', expires_in: seconds });
  }

  /** The person by log-in and path; a session's random name does the rest. @throws BridgeError `credentials` */
  private ownerOf({ prefix }: Target, { headers }: Request): string {
    const user = this.tokens.userOf(headers.authorization);
    if (this.deps.authenticate !== undefined && user === undefined) throw notLoggedIn();
    return JSON.stringify([prefix, user ?? '']);
  }

  private async answer(
    { name, rest }: Target,
    owner: string,
    request: Request,
    response: Response,
    signal: AbortSignal,
  ): Promise<void> {
    const { method } = request;
    if (name === 'info' && method === 'GET') return void response.json(await this.info());
    if (name === 'session') return this.session(rest, owner, request, response);
    if (name === 'infer' && method === 'POST') return this.infer(rest, owner, request, response, signal);
    // the module asks before it enables its buttons; these say that there is nothing
    if (name === 'train' && method === 'GET') throw new BridgeError(404, 'no-training', 'Nothing is trained here.', '');
    if (name === 'activelearning' && method === 'POST') return void response.json({});
    if (name === 'datastore' && method === 'GET' && rest === '') return void response.json({ objects: {} });
    throw notHere();
  }

  private async info(): Promise<unknown> {
    const names = await this.deps.segmenters.names();
    const models = names.map((name): [string, unknown] => [
      name,
      {
        // of the kinds that the module knows: points in 3D, one label at a time
        type: 'deepgrow',
        labels: [],
        dimension: 3,
        description: `${name}: points on slices, followed through the volume`,
        config: {},
      },
    ]);
    return {
      name: 'MedSAM2',
      description: 'Interactive segmentation with MedSAM2; not a medical device',
      version: '0.8',
      labels: ['object'],
      models: Object.fromEntries<unknown>(models),
      trainers: {},
      strategies: {},
      scoring: {},
      train_stats: {},
      datastore: {},
    };
  }

  private async session(id: string, owner: string, request: Request, response: Response): Promise<void> {
    if (id === '' && request.method === 'PUT') {
      const received = await this.receive(request, 'files');
      const session = await this.open(received, owner);
      return void response.json({ session_id: session, session_info: { name: session } });
    }
    if (!['GET', 'DELETE'].includes(request.method)) throw notHere();
    if (!this.sessions.has(id, owner)) throw noSession();
    if (request.method === 'DELETE') this.sessions.delete(id);
    response.json({ session_id: id });
  }

  private async infer(
    model: string,
    owner: string,
    request: Request,
    response: Response,
    signal: AbortSignal,
  ): Promise<void> {
    const id = typeof request.query.session_id === 'string' ? request.query.session_id : undefined;
    const known = (await this.deps.segmenters.names()).find((name) => name === decoded(model));
    if (known === undefined)
      throw new BridgeError(404, 'no-model', 'There is no such model here.', 'Fetch the models again in the module.');
    if (id !== undefined) {
      const { params } = await receiveFields(request, { fieldBytes: paramsBytes });
      return this.run(id, owner, known, params, response, signal);
    }
    const received = await this.receive(request, 'file');
    const once = await this.open(received, owner);
    try {
      return await this.run(once, owner, known, received.fields.params, response, signal);
    } finally {
      this.sessions.delete(once);
    }
  }

  private async run(
    id: string,
    owner: string,
    model: string,
    text: string | undefined,
    response: Response,
    signal: AbortSignal,
  ): Promise<void> {
    const params = readParams(text);
    const begin = performance.now();
    const file = await this.sessions.with(id, owner, async (session) => {
      const clicks = clicksOf(params, session.volume);
      const segmenter = await this.deps.segmenters.get(model);
      const stack = await openStored(session, segmenter, this.deps.betterStack ?? compatStack);
      const labels = await track(clicks, { stack, size: session.volume, reach: this.settings.reach, signal });
      if (labels === undefined) throw new Error('points were refused that were checked');
      return session.image.toLabelFile(labels);
    });
    if (file === undefined) throw noSession();
    signal.throwIfAborted();
    const seconds = Number(((performance.now() - begin) / 1000).toFixed(2));
    this.deps.log.info('MONAI Label: segmented', { model, seconds });
    const label = params.label ?? 'object';
    const { type, body } = inferAnswer({ label_names: { [label]: 1 } }, file);
    response.set('Content-Type', type).end(body);
  }

  private receive(request: Request, part: string): Promise<ReceivedFile> {
    const { uploadBytes: maxBytes, stallSeconds } = this.settings;
    return receiveFile(request, this.folder, { maxBytes, stallSeconds, part, fieldBytes: paramsBytes });
  }

  private async open({ path }: ReceivedFile, owner: string): Promise<string> {
    const { volumeBytes: maxBytes } = this.settings;
    const mine = this.reading.then(async () => {
      const image = await this.deps.openImage(path, { maxBytes });
      const extraBytes = besideVoxel * voxelCount(image.volume);
      this.sessions.reserve(image.volume.voxels.byteLength + extraBytes)();
      const id = randomUUID();
      this.sessions.put(id, { owner, volume: image.volume, extraBytes, image });
      return id;
    });
    this.reading = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      await rm(path, { force: true });
    }
  }
}

/** Express leaves encoded what it did not route by. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new BridgeError(400, 'address', 'The address cannot be read.', '', { cause });
  }
}

function textFields(body: unknown): Record<string, string | undefined> {
  if (typeof body !== 'object' || body === null) return {};
  return Object.fromEntries(
    Object.entries(body).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

const unreadable = (cause?: unknown): BridgeError =>
  new BridgeError(400, 'form-unreadable', 'The form cannot be read.', 'Use the module unchanged.', { cause });

const notHere = (): BridgeError =>
  new BridgeError(
    404,
    'not-here',
    'This server segments and keeps no data.',
    'Save images and segmentations in Slicer; training and data stores need a MONAI Label server.',
  );

const notLoggedIn = (): BridgeError =>
  new BridgeError(401, 'credentials', 'Nobody is logged in.', 'Log in in the module with user and password.');

const noSession = (): BridgeError =>
  new BridgeError(404, 'no-session', 'There is no such session.', 'Send the volume again.');
