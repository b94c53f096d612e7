import { UserError } from '@medsam2/models';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { auditRecordSchema, type AuditRecord } from './record.js';

export interface AuditQuery {
  /** where the last answer ended */
  readonly after?: string;
  readonly limit: number;
  /** inclusive times */
  readonly from?: string;
  readonly to?: string;
  readonly user?: string;
  readonly study?: string;
}

export interface AuditPage {
  readonly records: AuditRecord[];
  /** give it as `after` for what follows; absent: nothing follows yet */
  readonly next?: string;
}

const fileName = /^audit-(\d{8})-\d{4,}\.jsonl$/;
const cursor = /^(audit-\d{8}-\d{4,}\.jsonl):(\d{1,15})$/;
/** An answer ends after so many bytes of files, found or not: an admin's search must not hold the server up. */
const mostBytes = 64 * 2 ** 20;

/**
 * A page of the audit, oldest first. Lines that are damaged (the last of a file, when the power failed) are passed over.
 *
 * @throws UserError `audit-cursor`
 */
export async function readAudit(directory: string, query: AuditQuery): Promise<AuditPage> {
  const start = query.after === undefined ? undefined : parseCursor(query.after);
  const names = (await readdir(directory)).filter((name) => fileName.test(name)).sort();
  const records: AuditRecord[] = [];
  let budget = mostBytes;
  for (const name of names) {
    if (start !== undefined && name < start.name) continue;
    const day = fileName.exec(name)?.[1] ?? '';
    if (query.from !== undefined && day < query.from.slice(0, 10).replaceAll('-', '')) continue;
    if (query.to !== undefined && day > query.to.slice(0, 10).replaceAll('-', '')) break;
    let at = start?.name === name ? start.offset : 0;
    for await (const line of linesFrom(join(directory, name), at)) {
      at += line.length;
      budget -= line.length;
      const record = parseAuditLine(line.toString('utf8'));
      if (record !== undefined && matches(record, query)) records.push(record);
      if (records.length >= query.limit || budget <= 0) return { records, next: `${name}:${at}` };
    }
  }
  return { records };
}

/** @returns undefined for a line that is none */
export function parseAuditLine(line: string): AuditRecord | undefined {
  try {
    return auditRecordSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

function parseCursor(text: string): { readonly name: string; readonly offset: number } {
  const match = cursor.exec(text);
  if (match) return { name: match[1], offset: Number(match[2]) };
  throw new UserError(
    'audit-cursor',
    'The place to go on from is none of this audit.',
    'Give the last answer’s `next`.',
  );
}

function matches({ time, user, study }: AuditRecord, query: AuditQuery): boolean {
  if (query.from !== undefined && time < query.from) return false;
  if (query.to !== undefined && time > query.to) return false;
  if (query.user !== undefined && user !== query.user) return false;
  return query.study === undefined || study === query.study;
}

/** Whole lines with their line ends; what follows the last line end is being written, or torn. */
async function* linesFrom(path: string, offset: number): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { start: offset }) as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const end = rest.indexOf(10);
      if (end === -1) break;
      yield rest.subarray(0, end + 1);
      rest = rest.subarray(end + 1);
    }
  }
}
