import { UserError } from '@medsam2/models';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { caseOfMask, caseOfPoints, type Case } from './client/cases.js';
import { expectUploaded, type Click, type Client } from './client/client.js';
import { Clients } from './client/clients.js';
import type { BridgeDeps } from './deps.js';
import { compatStack, type ClientVolume } from './display.js';
import { BridgeError, failureOf, type Failure } from './errors.js';
import type { Identity } from './identity.js';
import { PrivateFolder } from './input/private-folder.js';
import { receiveFile } from './input/receive.js';
import { readUpload, type MaskUpload, type PointsUpload, type Upload } from './input/uploads.js';
import type { LogFields } from './log.js';
import { fileLabel, matchModel } from './models.js';
import type { ImageStack, VolumeSegmenter } from './segmenter.js';
import type { BridgeSettings } from './settings.js';
import { segmentFull } from './work/full.js';
import { improve } from './work/improve.js';
import type { LabelVolume } from './work/label-volume.js';
import { segmentMiddleSlice } from './work/middle-slice.js';
import { openFor, packLabels, type Operation } from './work/operation.js';
import { resultFile } from './work/result-file.js';

/** What a request is answered with; the plug-in reads only the body of a download. */
export interface Answer {
  readonly status: number;
  readonly body: string | Buffer;
}

export interface Command {
  readonly name: 'run_script' | 'improve';
  /** the form's fields; unknown ones do not matter */
  readonly fields: Readonly<Record<string, string | undefined>>;
}

const done = (body: string): Answer => ({ status: 200, body });
const told = ({ status, message, remedy }: Failure): Answer => ({ status, body: `Error: ${message} ${remedy}` });

/** What a click is called in the log, by what was uploaded. */
const operations = {
  image: 'middle slice segmented',
  mask: 'full segmentation done',
  points: 'improvement done',
} as const;

/** The size of an empty answer to a client whose volume was never seen. */
const unknownSize = { slices: 1, rows: 1, columns: 1 };
const maxConfigBytes = 2 ** 20;

/** The plug-in's exchange: what its requests mean and how each is answered, whatever happens. No HTTP beyond bodies. */
export class Exchange {
  private readonly clients: Clients;
  private readonly folder: PrivateFolder;
  private readonly toStack: (volume: ClientVolume) => ImageStack;

  constructor(
    private readonly deps: BridgeDeps,
    private readonly settings: BridgeSettings,
  ) {
    this.clients = new Clients(settings, deps.now ?? Date.now);
    this.folder = new PrivateFolder(deps.temporaryFolder);
    this.toStack = settings.semantics === 'better' ? (deps.betterStack ?? compatStack) : compatStack;
  }

  client(identity: Identity, isPersonal: boolean): Client {
    return this.clients.get(identity, isPersonal);
  }

  /** The last lines about clients at a place, for a person who looks with a browser. */
  journal(place: string): string[] {
    return this.clients.journal(place);
  }

  async close(): Promise<void> {
    this.clients.close();
    await this.folder.close();
  }

  /** An upload of arrays begins a click. It is answered when earlier clicks under the same identity have ended. */
  async upload(client: Client, request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
    const click = await client.begin(signal);
    try {
      const upload = await this.receiveArrays(client, click, request);
      signal.throwIfAborted();
      if (upload.kind === 'image') {
        click.reserved = 0;
        click.ownCase = client.addCase(upload);
      }
      // what points say of their volume is believed only once it is found
      if (upload.kind !== 'points') click.size = upload.size;
      click.upload = upload;
      click.state = 'uploaded';
      this.tell(client, 'uploaded', { kind: upload.kind, size: sizeText(upload.size) });
      return done('File uploaded successfully');
    } catch (error) {
      if (signal.aborted) throw error;
      // The plug-in does not see this answer and goes on to run and download; both will be told the same.
      return told(this.failed(client, click, 'upload', error));
    } finally {
      // a connection that broke while it sent is seen here before its signal fires
      if (signal.aborted || request.socket.destroyed) click.end();
      else click.expect(this.settings.settleSeconds);
    }
  }

  private async receiveArrays(client: Client, click: Click, request: IncomingMessage): Promise<Upload> {
    const { uploadBytes: maxBytes, stallSeconds, volumeBytes } = this.settings;
    const { path } = await receiveFile(request, this.folder, { maxBytes, stallSeconds });
    try {
      const archive = await this.deps.openArchive(path, { maxBytes, fortran: 'rearrange' });
      try {
        return await readUpload(archive, {
          known: (mark) => client.held(mark)?.volume,
          maxBytes: volumeBytes,
          reserve: (bytes, of) => this.clients.reserve(click, client, bytes, of),
        });
      } finally {
        archive.close();
      }
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Runs what was uploaded; answered when the result is there. */
  async run(client: Client, { name, fields }: Command, signal: AbortSignal): Promise<Answer> {
    const click = expectUploaded(client.click);
    click.hold();
    try {
      if (click.outcome !== undefined) {
        if ('failure' in click.outcome) return told(click.outcome.failure);
        throw new BridgeError(409, 'click-order', 'This was run already.', 'Click the button again.');
      }
      return await this.runClick(client, click, { name, fields }, signal);
    } finally {
      if (signal.aborted) click.end();
      else click.expect(this.settings.settleSeconds);
    }
  }

  private async runClick(client: Client, click: Click, command: Command, signal: AbortSignal): Promise<Answer> {
    const { upload } = click;
    click.state = 'running';
    const notes: string[] = [];
    const begin = performance.now();
    try {
      if (upload === undefined) throw new Error('a click without an upload was run');
      checkOrder(command, upload);
      const { of, segmenter } = await this.prepare(client, click, upload, command, notes);
      const operation: Operation = {
        semantics: this.settings.semantics,
        stack: await openFor(of.held, segmenter, this.toStack),
        signal,
        notes,
      };
      const result = await this.perform(of, upload, operation);
      const file = await resultFile(result.size, result.labels);
      signal.throwIfAborted();
      click.finish(file);
      const seconds = Number(((performance.now() - begin) / 1000).toFixed(2));
      this.tell(client, operations[upload.kind], { model: segmenter.model, seconds, notes: notes.join(' ') });
      return done('Success');
    } catch (error) {
      if (signal.aborted) throw error;
      return told(this.failed(client, click, command.name, error, notes));
    }
  }

  private async prepare(
    client: Client,
    click: Click,
    upload: Upload,
    { fields }: Command,
    notes: string[],
  ): Promise<{ of: Case; segmenter: VolumeSegmenter }> {
    const { cases, isPersonal } = client;
    if (upload.kind === 'points') {
      const of = caseOfPoints(cases, upload, isPersonal);
      return { of, segmenter: await this.deps.segmenters.get(of.held.opened?.model) };
    }
    const of = upload.kind === 'mask' ? caseOfMask(cases, upload, isPersonal) : click.ownCase;
    if (of === undefined) throw new Error('an image click has no case');
    return { of, segmenter: await this.segmenter(client, fields.checkpoint ?? '', notes) };
  }

  private async perform(of: Case, upload: Upload, operation: Operation): Promise<LabelVolume> {
    switch (upload.kind) {
      case 'image':
        return this.middleSlice(of, operation);
      case 'mask':
        return this.full(of, upload, operation);
      case 'points':
        return this.improve(of, upload, operation);
    }
  }

  private async middleSlice(of: Case, operation: Operation): Promise<LabelVolume> {
    const area = of.held.size.rows * of.held.size.columns;
    try {
      const result = await segmentMiddleSlice(of, operation);
      of.middle = result.labels.slice(of.prompts.slice * area, (of.prompts.slice + 1) * area);
      return result;
    } catch (error) {
      // Older plug-ins show an empty mask, on which the user can paint.
      if (error instanceof BridgeError && error.code === 'nothing-found') of.middle = new Uint8Array(area);
      throw error;
    }
  }

  private async full(of: Case, mask: MaskUpload, operation: Operation): Promise<LabelVolume> {
    const { result, last, keySlices } = await segmentFull(of, mask, operation);
    of.full = { label: last, keySlices, packed: await this.pack(result) };
    return result;
  }

  private async improve(of: Case, points: PointsUpload, operation: Operation): Promise<LabelVolume> {
    const { result, keySlices } = await improve(of, points, operation);
    of.full = { label: 1, keySlices, packed: await this.pack(result) };
    return result;
  }

  private async pack({ labels }: LabelVolume): Promise<Buffer | undefined> {
    return this.settings.semantics === 'better' ? packLabels(labels) : undefined;
  }

  /** The result of the click under way, or an empty one with the reason; ends the click. */
  async download(client: Client): Promise<Answer & { readonly sent: (isComplete: boolean) => void }> {
    const { click } = client;
    const ignore = (): void => undefined;
    if (click?.outcome === undefined) {
      const size = click?.size ?? client.cases.at(-1)?.held.size ?? unknownSize;
      const code = click === undefined ? 'no-result' : 'click-order';
      const message = 'There is no result: nothing was run, or it was fetched already.';
      const failure = { status: click === undefined ? 404 : 409, code, message, remedy: 'Click the button again.' };
      this.report(client, 'download', failure);
      return { status: failure.status, body: await resultFile(size, undefined, message), sent: ignore };
    }
    click.hold();
    const { outcome } = click;
    // A result that did not arrive whole may be asked for once more.
    const sent = (isComplete: boolean): void => (isComplete ? click.end() : click.expect(this.settings.settleSeconds));
    if ('file' in outcome) return { status: 200, body: outcome.file, sent };
    const { status, message, remedy } = outcome.failure;
    const size = click.size ?? client.cases.at(-1)?.held.size ?? unknownSize;
    return { status, body: await resultFile(size, undefined, `${message} ${remedy}`), sent };
  }

  /** Weights of the client's own. Where they are not taken, the operator's default serves instead. */
  async uploadModel(client: Client, request: IncomingMessage): Promise<Answer> {
    const { segmenters } = this.deps;
    const { modelBytes: maxBytes, stallSeconds } = this.settings;
    try {
      const file = await receiveFile(request, this.folder, { maxBytes, stallSeconds });
      try {
        const label = fileLabel(file.label);
        client.models.delete(label);
        if (segmenters.add === undefined) {
          throw new BridgeError(
            403,
            'model-upload-off',
            'This server takes no models from clients; its default model is used instead.',
            'Ask its operator to install the model, or to allow uploads.',
          );
        }
        const model = await segmenters.add(file.path).catch((error: unknown) => {
          throw withoutPath(error, file.path, label);
        });
        if (client.models.size < 16) client.models.set(label, model);
        this.tell(client, 'model uploaded', { model });
        return done('Model uploaded successfully');
      } finally {
        await rm(file.path, { force: true });
      }
    } catch (error) {
      return told(this.report(client, 'upload_model', failureOf(error), error));
    }
  }

  /** A configuration is taken and not read: it can name any code, and sizes are in the weights. */
  async uploadConfig(client: Client, request: IncomingMessage): Promise<Answer> {
    try {
      const options = { maxBytes: maxConfigBytes, stallSeconds: this.settings.stallSeconds };
      const { path } = await receiveFile(request, this.folder, options);
      await rm(path, { force: true });
      return done('Config file uploaded successfully (not used: the weights say what they are)');
    } catch (error) {
      return told(this.report(client, 'upload_config', failureOf(error), error));
    }
  }

  private async segmenter(client: Client, checkpoint: string, notes: string[]): Promise<VolumeSegmenter> {
    const { segmenters } = this.deps;
    const wanted = client.models.get(fileLabel(checkpoint)) ?? matchModel(checkpoint, await segmenters.names());
    const segmenter = await segmenters.get(wanted);
    if (wanted === undefined && checkpoint !== '') {
      const shown = JSON.stringify(fileLabel(checkpoint).slice(0, 80));
      notes.push(`The model ${shown} is not installed; ${segmenter.model} was used.`);
    }
    return segmenter;
  }

  private failed(client: Client, click: Click, what: string, error: unknown, notes: readonly string[] = []): Failure {
    const failure = failureOf(error);
    click.fail(failure);
    return this.report(client, what, failure, error, notes);
  }

  /** Logs a failure; what is unexpected with its trace. */
  report(client: Client, what: string, failure: Failure, error?: unknown, notes: readonly string[] = []): Failure {
    const { status, code, message } = failure;
    const fields = { ...fieldsOf(client), status, code, reason: message, notes: notes.join(' ') };
    client.note(`${what} failed: ${message} ${failure.remedy}`);
    if (code === 'internal' && error !== undefined) this.deps.log.error(`${what} failed`, fields, error);
    else this.deps.log.warn(`${what} failed`, fields);
    return failure;
  }

  private tell(client: Client, what: string, fields: LogFields): void {
    const said = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '');
    client.note(`${what}: ${said.map(([name, value]) => `${name} ${value}`).join(', ')}`);
    this.deps.log.info(what, { ...fieldsOf(client), ...Object.fromEntries(said) });
  }
}

/** Where a file lies on the server is nobody's business. */
function withoutPath(error: unknown, path: string, label: string): unknown {
  if (!(error instanceof UserError)) return error;
  const hide = (text: string): string => text.replaceAll(path, label);
  return new BridgeError(422, error.code, hide(error.message), hide(error.remedy), { cause: error });
}

const fieldsOf = ({ identity }: Client): LogFields => ({ client: identity.short });
const sizeText = ({ slices, rows, columns }: Upload['size']): string => `${slices} x ${rows} x ${columns}`;

/** @throws BridgeError `click-order` when the command does not fit what was uploaded */
function checkOrder({ name, fields }: Command, { kind }: Upload): void {
  const propagate = /^y/i.test(fields.propagate ?? '');
  const wanted = name === 'improve' ? 'points' : propagate ? 'mask' : 'image';
  if (kind === wanted) return;
  const names = { image: 'a volume with boxes', mask: 'a middle mask', points: 'points' };
  throw new BridgeError(
    409,
    'click-order',
    `The request needs ${names[wanted]}, and ${names[kind]} was uploaded.`,
    'Click the button again; the plug-in uploads, runs and downloads in this order.',
  );
}
