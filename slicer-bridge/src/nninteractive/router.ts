import express, { Router, type NextFunction, type Request, type Response } from 'express';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { compatStack } from '../display.js';
import { BridgeError, failureOf, type Failure } from '../errors.js';
import { drained, isOfWebPage, webPageRefused } from '../http.js';
import { basicCredentials, identify, type Identity } from '../identity.js';
import { sizeOf } from '../input/geometry.js';
import { PrivateFolder } from '../input/private-folder.js';
import { receiveFile } from '../input/receive.js';
import { track, type Clicks } from '../prompted/clicks.js';
import type { BareArray, NnInteractiveDeps } from '../prompted/deps.js';
import { openStored } from '../prompted/open.js';
import { promptedSettingsSchema, type PromptedSettings, type PromptedSettingsInput } from '../prompted/settings.js';
import { VolumeStore, type StoredVolume } from '../prompted/store.js';
import type { SlicerBridge } from '../router.js';
import { addBox, addLasso, addPoint, addScribble, boxSchema, pointSchema } from './interactions.js';
import { Answers, emptySegment, packBits, toMask, type Segment } from './segment.js';

interface Working extends StoredVolume {
  readonly answers: Answers;
  segment: Segment;
  /** requests about one volume are answered one after the other */
  turn: Promise<unknown>;
}

const names = [
  'upload_image',
  'upload_segment',
  'add_point_interaction',
  'add_bbox_interaction',
  'add_lasso_interaction',
  'add_scribble_interaction',
] as const;
type Name = (typeof names)[number];

const endpoint = new RegExp(`^(.{0,256}?)/(${names.join('|')})/?$`);
const commandBytes = 16 * 1024;
/** Masks and the like beside a volume, in bytes per voxel: the segment, a result under way, answers given, edits. */
const besideVoxel = 4;
const compress = promisify(gzip);

/**
 * The server of the nnInteractive extension of 3D Slicer, versions 0.x, as an Express router (specification appendix B;
 * docs/slicer.md says what it makes of each prompt).
 */
export function createNnInteractive(deps: NnInteractiveDeps, input: PromptedSettingsInput = {}): SlicerBridge {
  const server = new NnInteractive(deps, promptedSettingsSchema.parse(input));
  const router = Router({ caseSensitive: true });
  // The module says `Content-Encoding: gzip` of forms that are none (only the file in them is); commands are plain JSON.
  const json = express.json({ limit: commandBytes, inflate: false });
  router.use((request, response, next) => {
    const [, prefix, name] = endpoint.exec(request.path) ?? [];
    if (name === undefined) {
      if (request.method !== 'GET' || !request.path.endsWith('/')) return next();
      return void response.type('text/plain').send('The segmentation server for nnInteractive is running.\n');
    }
    server.serve(name as Name, prefix, request, response, json).catch(next);
  });
  return { router, close: () => server.close() };
}

class NnInteractive {
  private readonly folder: PrivateFolder;
  private readonly volumes: VolumeStore<Working>;

  constructor(
    private readonly deps: NnInteractiveDeps,
    private readonly settings: PromptedSettings,
  ) {
    this.folder = new PrivateFolder(deps.temporaryFolder);
    this.volumes = new VolumeStore(settings, deps.now ?? Date.now);
  }

  async close(): Promise<void> {
    this.volumes.close();
    await this.folder.close();
  }

  async serve(
    name: Name,
    prefix: string,
    request: Request,
    response: Response,
    json: (request: Request, response: Response, next: NextFunction) => void,
  ): Promise<void> {
    const identity = identify(request.ip ?? '', prefix, request.headers);
    const gone = new AbortController();
    response.on('close', () => response.writableFinished || gone.abort());
    const begin = performance.now();
    try {
      await this.requireAllowed(request);
      gone.signal.throwIfAborted();
      if (name === 'add_point_interaction' || name === 'add_bbox_interaction') {
        await new Promise<void>((resolve, reject) =>
          json(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(unreadable(error)))),
        );
      }
      const mask = await this.answer(name, identity, request, gone.signal);
      const seconds = Number(((performance.now() - begin) / 1000).toFixed(2));
      this.deps.log.info(`nnInteractive: ${name}`, { client: identity.short, seconds });
      if (mask === undefined) return void response.json({ status: 'ok' });
      const body = await compress(packBits(mask), { level: 1 });
      response.set({ 'Content-Encoding': 'gzip', 'Cache-Control': 'no-store' });
      response.type('application/octet-stream').end(body);
    } catch (error) {
      if (gone.signal.aborted) return;
      await drained(request);
      this.refuse(name, identity, failureOf(error), error, response);
    }
  }

  /**
   * What a user can mend is said with status 200: the module shows the text of no other answer. `No image uploaded` makes it send
   * the image and ask again.
   */
  private refuse(name: Name, identity: Identity, failure: Failure, error: unknown, response: Response): void {
    const { status, code, message, remedy } = failure;
    const fields = { client: identity.short, status, code, reason: message };
    if (code === 'internal') this.deps.log.error(`nnInteractive: ${name} failed`, fields, error);
    else this.deps.log.warn(`nnInteractive: ${name} failed`, fields);
    if (response.headersSent) return;
    const isShown = ![400, 401, 403, 405, 500].includes(status);
    if (status === 401) response.set('WWW-Authenticate', 'Basic realm="segmentation"');
    response.status(isShown ? 200 : status).json({ status: 'error', message: `${message} ${remedy}`.trim() });
  }

  private async requireAllowed(request: Request): Promise<void> {
    if (isOfWebPage(request)) throw webPageRefused();
    if (request.method !== 'POST') throw new BridgeError(405, 'method', 'Only POST is answered here.', 'Use POST.');
    const { authenticate } = this.deps;
    if (authenticate === undefined || (await authenticate(basicCredentials(request.headers)))) return;
    throw new BridgeError(
      401,
      'credentials',
      'The user or the password is wrong or missing.',
      'Write http://user:password@ADDRESS:PORT as the server in the module.',
    );
  }

  /** @returns the mask to send, or nothing but that it went well */
  private async answer(
    name: Name,
    identity: Identity,
    request: Request,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    if (name === 'upload_image') {
      await this.uploadImage(identity, request);
      return undefined;
    }
    const told = await this.volumes.with(identity.key, identity.key, async (working) => {
      const before = working.turn;
      const mine = (async () => {
        await before;
        signal.throwIfAborted();
        return name === 'upload_segment'
          ? this.uploadSegment(working, request)
          : this.interact(working, name, request, signal);
      })();
      working.turn = mine.catch(() => undefined);
      return { mask: await mine };
    });
    if (told !== undefined) return told.mask;
    throw new BridgeError(409, 'no-image', 'No image uploaded', '');
  }

  private async uploadImage(identity: Identity, request: Request): Promise<void> {
    let release: (() => void) | undefined;
    try {
      const { shape, values } = await this.receive(request, false, (declared, bytes) => {
        const { slices, rows, columns } = sizeOf(declared, 'volume');
        if (bytes > this.settings.volumeBytes) throw tooLarge(bytes, this.settings.volumeBytes);
        release = this.volumes.reserve(bytes + besideVoxel * slices * rows * columns);
      });
      const size = sizeOf(shape, 'volume');
      release?.();
      this.volumes.put(identity.key, {
        owner: identity.key,
        volume: { ...size, voxels: values },
        extraBytes: besideVoxel * size.slices * size.rows * size.columns,
        answers: new Answers(size),
        segment: emptySegment(size),
        turn: Promise.resolve(),
      });
    } finally {
      release?.();
    }
  }

  private async uploadSegment(working: Working, request: Request): Promise<undefined> {
    const mask = toMask(await this.receiveMask(working, request), working.volume);
    working.segment = working.answers.continued(mask, working.segment);
  }

  private async interact(
    working: Working,
    name: Exclude<Name, 'upload_image' | 'upload_segment'>,
    request: Request,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { segment, volume } = working;
    const clicks = await this.clicks(working, name, request);
    const segmenter = await this.deps.segmenters.get();
    const stack = await openStored(working, segmenter, this.deps.betterStack ?? compatStack);
    const mask = await track(clicks, { stack, size: volume, reach: this.settings.reach, signal });
    signal.throwIfAborted();
    // where nothing was said that can be shown, what was there stays
    working.segment = { clicks, mask: mask ?? segment.mask };
    working.answers.add(working.segment);
    return working.segment.mask;
  }

  private async clicks(
    working: Working,
    name: Exclude<Name, 'upload_image' | 'upload_segment'>,
    request: Request,
  ): Promise<Clicks> {
    const { segment, volume } = working;
    if (name === 'add_point_interaction') {
      const { voxel_coord: at, positive_click: isPositive } = parsed(pointSchema.safeParse(request.body));
      return addPoint(segment, volume, at, isPositive ? 1 : 0);
    }
    if (name === 'add_bbox_interaction') {
      const { outer_point_one: one, outer_point_two: two, positive_click } = parsed(boxSchema.safeParse(request.body));
      return addBox(segment, volume, one, two, positive_click ? 1 : 0);
    }
    const { fields, ...array } = await this.receiveMask(working, request);
    const label = /^(true|1|yes)$/i.test(fields.positive_click ?? '') ? 1 : 0;
    const add = name === 'add_lasso_interaction' ? addLasso : addScribble;
    return add(segment, volume, toMask(array, volume), label);
  }

  private async receiveMask(
    { volume: { slices, rows, columns } }: Working,
    request: Request,
  ): Promise<BareArray & { readonly fields: Readonly<Record<string, string>> }> {
    return this.receive(request, true, (shape, bytes) => {
      // bool or bytes; wider masks are no mask of this module
      if (bytes > slices * rows * columns * 8) throw tooLarge(bytes, slices * rows * columns * 8);
      toMask({ shape, values: [] }, { slices, rows, columns });
    });
  }

  private async receive(
    request: Request,
    compressed: boolean,
    accept: (shape: readonly number[], bytes: number) => void,
  ): Promise<BareArray & { readonly fields: Readonly<Record<string, string>> }> {
    const { uploadBytes: maxBytes, stallSeconds } = this.settings;
    const { path, fields } = await receiveFile(request, this.folder, { maxBytes, stallSeconds });
    try {
      return { ...(await this.deps.readArray(path, { compressed, accept })), fields };
    } finally {
      await rm(path, { force: true });
    }
  }
}

function parsed<T>(result: { success: true; data: T } | { success: false }): T {
  if (result.success) return result.data;
  throw unreadable();
}

const unreadable = (cause?: unknown): BridgeError =>
  new BridgeError(400, 'prompt-unreadable', 'The prompt cannot be read.', 'Use the module unchanged, version 0.x.', {
    cause,
  });

const tooLarge = (bytes: number, limit: number): BridgeError =>
  new BridgeError(
    413,
    'volume-too-large',
    `The array takes ${bytes} bytes, above the limit of ${limit}.`,
    'Crop the volume in Slicer.',
  );
