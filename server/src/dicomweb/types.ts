import type { DicomDataset } from '../imaging/dicom/index.js';

/** Options of every call to a PACS. */
export interface PacsCall {
  readonly signal?: AbortSignal;
  /** the caller's own `Authorization` header; sent only to a PACS configured with `credentials: pass-through` */
  readonly authorization?: string;
}

/** QIDO-RS matching: DICOM keywords or tags with their values. */
export type Query = Readonly<Record<string, string>>;

/** What a PACS says of one object sent to it (PS3.18 section 10.5.3). */
export interface StoredObject {
  readonly sopInstanceUid: string;
  /** `listed`: in ReferencedSOPSequence; `failed`: in FailedSOPSequence; `unmentioned`: in neither, so not stored for all we know */
  readonly outcome: 'listed' | 'failed' | 'unmentioned';
  /** FailureReason (0008,1197) */
  readonly failureReason?: number;
}

export interface Reachability {
  readonly reachable: boolean;
  /** one sentence without secrets */
  readonly reason: string;
  readonly milliseconds: number;
}

/**
 * One PACS over DICOMweb. Every method throws UserError: `pacs-unreachable`, `pacs-timeout`, `pacs-unauthorised`
 * (401), `pacs-forbidden` (403), `pacs-not-found` (404), `pacs-busy` (429, 502, 503, 504 after retries), `pacs-failed`
 * (other statuses), `pacs-answer-invalid` (malformed, truncated, beyond a limit), `pacs-read-only`, `invalid-uid`,
 * `invalid-query`; the signal's reason when aborted.
 */
export interface Pacs {
  readonly name: string;
  readonly writable: boolean;
  /** All pages are read up to `limit` (default 10,000). */
  searchStudies(query: Query, call?: PacsCall & { readonly limit?: number }): Promise<DicomDataset[]>;
  searchSeries(study: string, query: Query, call?: PacsCall & { readonly limit?: number }): Promise<DicomDataset[]>;
  searchInstances(
    study: string,
    series: string,
    query: Query,
    call?: PacsCall & { readonly limit?: number },
  ): Promise<DicomDataset[]>;
  /** Metadata of all instances of a series, DICOM JSON model, in no order. */
  seriesMetadata(study: string, series: string, call?: PacsCall): Promise<DicomDataset[]>;
  /** The series as stored (`transfer-syntax=*`), one whole Part 10 object after the other, in no order, as they arrive. */
  seriesInstances(study: string, series: string, call?: PacsCall): AsyncIterable<Uint8Array>;
  /** One object as stored. */
  instance(study: string, series: string, sopInstanceUid: string, call?: PacsCall): Promise<Uint8Array>;
  /** STOW-RS of one object into a study; the answer is parsed whatever its status. A 200 is no proof of storage. */
  store(study: string, object: Uint8Array, call?: PacsCall): Promise<StoredObject[]>;
  /** Whether the PACS answers a small query, for readiness. */
  check(call?: PacsCall): Promise<Reachability>;
}
