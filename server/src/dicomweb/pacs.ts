import { UserError } from '@medsam2/models';
import { parsePart10, type DicomDataset } from '../imaging/dicom/index.js';
import { text } from '../imaging/dicom/dataset.js';
import type { PacsConfig } from './config.js';
import { createAuthorizer } from './credentials.js';
import { invalidAnswer, statusError } from './errors.js';
import { readDatasets, readText } from './json.js';
import { boundaryOf, readParts } from './multipart.js';
import { checkedUid, instancePath, queryParameters, seriesPath, studyPath } from './paths.js';
import { retryAfter, withRetries } from './retry.js';
import { searchAll, type Level } from './search.js';
import { storeBody, storedObject } from './stow.js';
import { expectSuccess, Transport, type HttpRequest, type HttpResponse } from './transport.js';
import type { Pacs, PacsCall, Query, Reachability, StoredObject } from './types.js';

const DICOM_JSON = 'application/dicom+json';
/** Stored bytes in the stored transfer syntax: without `*`, archives convert to explicit little endian. */
const STORED_INSTANCES = 'multipart/related; type="application/dicom"; transfer-syntax=*';
const DEFAULT_LIMIT = 10_000;
/** Text of an answer to STOW-RS of one object. */
const MAX_STORE_ANSWER = 2 ** 20;

export interface OpenPacs extends Pacs {
  /** Ends its connections; calls under way fail. */
  close(): Promise<void>;
}

/**
 * A PACS over DICOMweb (PS3.18). Nothing is asked of it before the first call.
 *
 * @throws UserError `ca-unreadable`
 */
export function createPacs(config: PacsConfig): OpenPacs {
  return new DicomWebPacs(config);
}

class DicomWebPacs implements OpenPacs {
  readonly name: string;
  readonly writable: boolean;
  private readonly transport: Transport;
  private readonly authorizer: ReturnType<typeof createAuthorizer>;

  constructor(private readonly config: PacsConfig) {
    this.name = config.name;
    this.writable = config.writable;
    this.transport = new Transport(config);
    this.authorizer = createAuthorizer(config, this.transport);
  }

  searchStudies(query: Query, call: PacsCall & { limit?: number } = {}): Promise<DicomDataset[]> {
    return this.search('/studies', 'study', query, call);
  }

  async searchSeries(study: string, query: Query, call: PacsCall & { limit?: number } = {}): Promise<DicomDataset[]> {
    return this.search(`${studyPath(study)}/series`, 'series', query, call);
  }

  async searchInstances(
    study: string,
    series: string,
    query: Query,
    call: PacsCall & { limit?: number } = {},
  ): Promise<DicomDataset[]> {
    return this.search(`${seriesPath(study, series)}/instances`, 'instance', query, call);
  }

  async seriesMetadata(study: string, series: string, call: PacsCall = {}): Promise<DicomDataset[]> {
    return this.datasets(`${this.wado}${seriesPath(study, series)}/metadata`, call);
  }

  async *seriesInstances(study: string, series: string, call: PacsCall = {}): AsyncGenerator<Uint8Array> {
    yield* this.instances(seriesPath(study, series), call);
  }

  async instance(study: string, series: string, sopInstanceUid: string, call: PacsCall = {}): Promise<Uint8Array> {
    const path = instancePath(study, series, sopInstanceUid);
    return withRetries(this.config.retries, call.signal, async () => {
      // retried as a whole, answer included
      for await (const bytes of this.parts(await this.stored(path, call))) return bytes;
      throw invalidAnswer(this.name, 'it holds no instance');
    });
  }

  async store(study: string, object: Uint8Array, call: PacsCall = {}): Promise<StoredObject[]> {
    const { stowUrl, url, timeouts, writable } = this.config;
    if (!writable) {
      throw new UserError(
        'pacs-read-only',
        `The PACS ${this.name} is configured for reading only.`,
        'Choose a PACS that is writable, or set writable in its configuration.',
      );
    }
    const sopInstanceUid = checkedUid(text(parsePart10(object).dataset, '00080018') ?? '');
    const { contentType, length, body } = storeBody(object);
    const response = await this.authorized(
      {
        url: `${stowUrl ?? url}${studyPath(study)}`,
        lane: 'store',
        method: 'POST',
        headers: { accept: DICOM_JSON, 'content-type': contentType, 'content-length': String(length) },
        body,
        withinMs: timeouts.store,
      },
      call,
    );
    const { status } = response;
    if (!(status >= 200 && status < 300) && status !== 400 && status !== 409) await expectSuccess(this.name, response);
    const stored = await storedObject(sopInstanceUid, await readText(this.name, response.body, MAX_STORE_ANSWER));
    if (stored.outcome !== 'unmentioned' || (status >= 200 && status < 300)) return [stored];
    // 409: it was understood and refused; 400 without a word about the object: the request itself was not understood
    if (status === 409) return [{ sopInstanceUid, outcome: 'failed' }];
    throw statusError(this.name, status, retryAfter(response.headers['retry-after']));
  }

  async check(call: PacsCall = {}): Promise<Reachability> {
    const begin = performance.now();
    const url = `${this.qido}/studies?limit=1`;
    const headers = { accept: DICOM_JSON };
    const done = (reachable: boolean, reason: string): Reachability => ({
      reachable,
      reason,
      milliseconds: Math.round(performance.now() - begin),
    });
    try {
      const response = await this.authorized(
        { url, lane: 'queries', headers, withinMs: this.config.timeouts.check },
        call,
      );
      await expectSuccess(this.name, response);
      for await (const dataset of readDatasets(this.name, response.body, this.config.limits)) void dataset;
      return done(true, `The PACS ${this.name} answers.`);
    } catch (error) {
      call.signal?.throwIfAborted();
      if (error instanceof UserError) return done(false, error.message);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.transport.close();
  }

  private get qido(): string {
    return this.config.qidoUrl ?? this.config.url;
  }

  private get wado(): string {
    return this.config.wadoUrl ?? this.config.url;
  }

  private search(
    path: string,
    level: Level,
    query: Query,
    { limit = DEFAULT_LIMIT, ...call }: PacsCall & { limit?: number },
  ): Promise<DicomDataset[]> {
    const parameters = queryParameters(query);
    return searchAll(this.name, level, limit, (pageSize, offset) => {
      const page = new URLSearchParams(parameters);
      page.set('limit', String(pageSize));
      page.set('offset', String(offset));
      return this.datasets(`${this.qido}${path}?${page}`, call);
    });
  }

  private datasets(url: string, call: PacsCall): Promise<DicomDataset[]> {
    return withRetries(this.config.retries, call.signal, async () => {
      const response = await this.authorized({ url, lane: 'queries', headers: { accept: DICOM_JSON } }, call);
      await expectSuccess(this.name, response);
      const datasets: DicomDataset[] = [];
      for await (const dataset of readDatasets(this.name, response.body, this.config.limits)) datasets.push(dataset);
      return datasets;
    });
  }

  private async *instances(path: string, call: PacsCall): AsyncGenerator<Uint8Array> {
    // once parts have been handed on, only the caller knows what is missing
    const response = await withRetries(this.config.retries, call.signal, () => this.stored(path, call));
    yield* this.parts(response);
  }

  private async stored(path: string, call: PacsCall): Promise<HttpResponse> {
    const response = await this.authorized(
      { url: `${this.wado}${path}`, lane: 'pixels', headers: { accept: STORED_INSTANCES } },
      call,
    );
    return expectSuccess(this.name, response);
  }

  private async *parts({ headers, body, status, discard }: HttpResponse): AsyncGenerator<Uint8Array> {
    const { instance, series } = this.config.limits;
    const boundary = boundaryOf(headers['content-type']);
    if (boundary === undefined) {
      await discard();
      if (status === 204) return;
      throw invalidAnswer(this.name, 'it is not multipart');
    }
    for await (const part of readParts(this.name, body, boundary, { part: instance, total: series })) yield part.body;
  }

  /** With credentials; once more with new ones where the PACS refuses those that were kept. */
  private async authorized(request: HttpRequest, call: PacsCall): Promise<HttpResponse> {
    for (let attempt = 1; ; attempt++) {
      const authorization = await this.authorizer.header(call);
      const headers = { ...request.headers, ...(authorization === undefined ? {} : { authorization }) };
      const response = await this.transport.send({ ...request, headers, signal: call.signal });
      if (response.status !== 401 || attempt > 1 || !this.authorizer.refused(authorization)) return response;
      await response.discard();
    }
  }
}
