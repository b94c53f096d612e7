import { open, readFile, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { writeDurably } from '../files/durable.js';
import { explain, messageOf, systemCode } from '../files/errors.js';
import { DroppedConnection, get } from './http.js';
import { makeFolder, type RegistrySettings } from './settings.js';

export interface DownloadSource {
  readonly url: string;
  /** expected size, where known */
  readonly bytes: number | null;
  /** whether the content is checked against a known hash afterwards; else only a validator allows resuming */
  readonly verified: boolean;
}

export type Progress = (received: number, total: number | undefined) => void;

/** What is remembered about a partial file, so that only more of the same content is appended to it. */
const partialState = z.object({
  url: z.string(),
  /** strong ETag or Last-Modified of the content */
  validator: z.string().optional(),
  announcedSha256: z.string().optional(),
  /** bytes that are safely on the disk */
  saved: z.number().int().nonnegative(),
});
type PartialState = z.infer<typeof partialState>;

/** Bytes between two forced writes: what a power cut costs at most. */
const saveEvery = 8 * 2 ** 20;
/** For a source of unknown size; the largest SAM 2.1 checkpoint has 0.9 GB. */
const largestUnknown = 8 * 2 ** 30;

/**
 * Downloads to `partial`, resuming what is there when the host confirms that the content is still the same (Range with
 * If-Range, RFC 9110 section 13.1.5). Dropped connections are resumed `settings.retries` times, counted anew after progress.
 *
 * @returns the sha256 the host announced, if it did; the partial file is then complete and on the disk
 * @throws UserError `download-…`, `host-unreachable`, `insecure-address`, `disk-full`; the partial file is kept for resuming
 */
export async function download(
  settings: RegistrySettings,
  source: DownloadSource,
  files: { readonly partial: string; readonly partialState: string },
  onProgress: Progress,
  signal?: AbortSignal,
): Promise<string | undefined> {
  await makeFolder(dirname(files.partial));
  return new Download(settings, source, files, onProgress, signal).run();
}

class Download {
  private state: PartialState;

  constructor(
    private readonly settings: RegistrySettings,
    private readonly source: DownloadSource,
    private readonly files: { readonly partial: string; readonly partialState: string },
    private readonly onProgress: Progress,
    private readonly signal?: AbortSignal,
  ) {
    this.state = { url: source.url, saved: 0 };
  }

  async run(): Promise<string | undefined> {
    await this.readState();
    for (let failures = 0; ;) {
      const before = this.state.saved;
      try {
        if (await this.attempt()) return this.state.announcedSha256;
        this.state = { url: this.source.url, saved: 0 }; // the host has other content now: from the beginning
      } catch (error) {
        this.signal?.throwIfAborted();
        if (!(error instanceof DroppedConnection)) throw explain(error, this.files.partial);
        failures = this.state.saved > before ? 1 : failures + 1;
        if (failures > this.settings.retries) throw this.dropped(error);
        await sleep(Math.min(1000 * failures, 10_000), undefined, { signal: this.signal });
      }
    }
  }

  /** One request. False: the partial file is of no use, begin again. */
  private async attempt(): Promise<boolean> {
    const have = this.state.saved;
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (have > 0) {
      headers.range = `bytes=${have}-`;
      if (this.state.validator) headers['if-range'] = this.state.validator;
    }
    const stall = new AbortController();
    const signal = this.signal ? AbortSignal.any([stall.signal, this.signal]) : stall.signal;
    let timer = setTimeout(() => stall.abort(), this.settings.stallSeconds * 1000);
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stall.abort(), this.settings.stallSeconds * 1000);
    };
    try {
      const { response, announcedSha256 } = await get(this.settings, this.source.url, headers, signal);
      alive();
      try {
        const plan = this.plan(response, have);
        if (plan === 'complete' || plan === 'restart') return plan === 'complete';
        this.state = { ...this.state, announcedSha256, validator: validatorOf(response), saved: plan.start };
        await this.requireSpace(plan);
        await this.receive(response, plan, alive);
        return true;
      } finally {
        if (!response.bodyUsed) await response.body?.cancel();
      }
    } catch (error) {
      if (stall.signal.aborted && !this.signal?.aborted)
        throw new DroppedConnection(`no data for ${this.settings.stallSeconds} s`, { cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What a response means for the `have` bytes that are there. */
  private plan(response: Response, have: number): 'complete' | 'restart' | { start: number; total?: number } {
    const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
    if (response.status === 416 && have > 0)
      return range !== null && Number(range[2]) === have ? 'complete' : 'restart';
    if (response.status >= 500 || response.status === 429)
      throw new DroppedConnection(`HTTP status ${response.status}`);
    if (response.status !== 200 && response.status !== 206) throw this.refused(response.status);
    if ((response.headers.get('content-encoding') ?? 'identity') !== 'identity')
      throw this.wrong(`is sent compressed (${response.headers.get('content-encoding')})`);
    if (response.headers.get('content-type')?.startsWith('text/html')) throw this.wrong('answers with a web page');
    let plan: { start: number; total?: number };
    if (response.status === 206) {
      if (range === null || Number(range[1]) !== have) {
        if (have > 0) return 'restart';
        throw this.wrong('answers with a part that was not asked for');
      }
      plan = { start: have, total: range[2] === '*' ? undefined : Number(range[2]) };
    } else {
      const length = response.headers.get('content-length');
      plan = { start: 0, total: length === null ? undefined : Number(length) };
    }
    const { bytes } = this.source;
    if (bytes !== null && plan.total !== undefined && plan.total !== bytes)
      throw this.wrong(`announces ${plan.total} bytes instead of ${bytes}`);
    return plan;
  }

  private async receive(response: Response, plan: { start: number; total?: number }, alive: () => void): Promise<void> {
    const { start, total } = plan;
    const limit = total ?? this.source.bytes ?? largestUnknown;
    const handle = await open(this.files.partial, start === 0 ? 'w' : 'r+');
    let received = start;
    try {
      await handle.truncate(start);
      await this.save(handle, start);
      this.onProgress(received, total);
      for await (const chunk of bodyOf(response)) {
        alive();
        if (received + chunk.length > limit) {
          received = 0; // whatever this is, nothing of it is worth keeping
          throw this.wrong(`sends more than ${limit} bytes`);
        }
        received += await writeAll(handle, chunk, received);
        this.onProgress(received, total);
        if (received - this.state.saved >= saveEvery) await this.save(handle, received);
      }
      if (total !== undefined && received < total) throw new DroppedConnection('the host ended the connection');
    } finally {
      await this.save(handle, received).catch(ignoreFullDisk);
      await handle.close();
    }
  }

  private async save(handle: FileHandle, received: number): Promise<void> {
    await handle.sync();
    const next = `${this.files.partialState}.new`;
    await writeDurably(next, JSON.stringify({ ...this.state, saved: received }));
    await rename(next, this.files.partialState);
    this.state.saved = received;
  }

  private async readState(): Promise<void> {
    const parsed = await readState(this.files.partialState);
    const size = await sizeOf(this.files.partial);
    if (!parsed || parsed.url !== this.source.url) return;
    if (parsed.validator === undefined && !this.source.verified) return;
    this.state = { ...parsed, saved: Math.min(parsed.saved, size) };
  }

  private async requireSpace({ total }: { total?: number }): Promise<void> {
    if (total === undefined) return;
    const folder = dirname(this.files.partial);
    const { bavail, bsize } = await statfs(folder);
    // What the partial file takes now is either kept or overwritten.
    const needed = total - (await sizeOf(this.files.partial));
    if (needed > bavail * bsize)
      throw new UserError(
        'disk-full',
        `The disk of ${folder} has ${megabytes(bavail * bsize)} free, and ${megabytes(needed)} are still to come.`,
        'Free some space or set MEDSAM2_MODELS_DIR to a larger disk, then run the command again: it resumes.',
      );
  }

  private refused(status: number): UserError {
    const { url } = this.source;
    if (status === 404 || status === 410)
      return new UserError(
        'download-not-found',
        `The host has no such file any more (HTTP ${status} for ${url}).`,
        'Look for the file at its publisher and use: medsam2 models import FILE.',
      );
    return new UserError(
      'download-refused',
      `The host refuses the download (HTTP ${status} for ${url}).`,
      'A log-in or accepted terms may be needed there; download it in a browser and use: medsam2 models import FILE.',
    );
  }

  private wrong(what: string): UserError {
    return new UserError(
      'download-wrong-content',
      `${this.source.url} ${what}.`,
      'A proxy or a log-in page may answer in its place; download the file in a browser and use: medsam2 models import FILE.',
    );
  }

  private dropped(error: DroppedConnection): UserError {
    return new UserError(
      'download-interrupted',
      `The download broke off after ${megabytes(this.state.saved)} (${error.message}).`,
      'Run the command again: it resumes where it stopped.',
      { cause: error },
    );
  }
}

async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new DroppedConnection(systemCode(cause) ?? messageOf(cause), { cause });
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined); // the connection may be gone already, which is all this asks for
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<number> {
  for (let at = 0; at < chunk.length;)
    at += (await handle.write(chunk, at, chunk.length - at, position + at)).bytesWritten;
  return chunk.length;
}

/** A strong ETag, else Last-Modified; a weak ETag cannot promise equal bytes. */
function validatorOf(response: Response): string | undefined {
  const etag = response.headers.get('etag');
  if (etag !== null && !etag.startsWith('W/')) return etag;
  return response.headers.get('last-modified') ?? undefined;
}

async function readState(file: string): Promise<PartialState | undefined> {
  try {
    return partialState.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined; // absent or half written: the download begins again
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw explain(error, file);
  }
}

/** On a full disk the state cannot be written either; the error that matters is already on its way. */
function ignoreFullDisk(error: unknown): void {
  if (
    !(error instanceof UserError && error.code === 'disk-full') &&
    !['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error) ?? '')
  )
    throw error;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Forgets a partial download. */
export async function discardPartial(files: {
  readonly partial: string;
  readonly partialState: string;
}): Promise<void> {
  await rm(files.partial, { force: true });
  await rm(files.partialState, { force: true });
}
