import { randomUUID } from 'node:crypto';
import { items, number, text, type DicomDataset } from '../imaging/dicom/dataset.js';
import { readDatasets } from './json.js';
import { nativeXmlDataset } from './native-xml.js';
import type { StoredObject } from './types.js';

/** Body of a STOW-RS request with one object (PS3.18 section 10.5.1), in pieces: the object is not copied. */
export function storeBody(object: Uint8Array): {
  readonly contentType: string;
  readonly length: number;
  readonly body: () => Iterable<Uint8Array>;
} {
  const boundary = `medsam2-${randomUUID()}`;
  const head = Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`, 'latin1');
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1');
  return {
    contentType: `multipart/related; type="application/dicom"; boundary=${boundary}`,
    length: head.length + object.length + tail.length,
    *body() {
      yield head;
      for (let at = 0; at < object.length; at += PIECE) yield object.subarray(at, at + PIECE);
      yield tail;
    },
  };
}

const PIECE = 2 ** 20;
const REFERENCED = '00081199';
const FAILED = '00081198';
const REFERENCED_SOP_INSTANCE = '00081155';
const FAILURE_REASON = '00081197';

/**
 * What an answer to STOW-RS says of one object. JSON, XML, several datasets or nothing at all: what is not understood
 * says nothing, and the object is `unmentioned`.
 */
export async function storedObject(sopInstanceUid: string, answer: string): Promise<StoredObject> {
  const datasets = await answerDatasets(answer);
  for (const dataset of datasets) {
    // an object in both lists was not stored as it was sent
    const failed = items(dataset, FAILED).find((item) => text(item, REFERENCED_SOP_INSTANCE) === sopInstanceUid);
    if (failed) return { sopInstanceUid, outcome: 'failed', failureReason: number(failed, FAILURE_REASON) };
  }
  const listed = datasets.some((dataset) =>
    items(dataset, REFERENCED).some((item) => text(item, REFERENCED_SOP_INSTANCE) === sopInstanceUid),
  );
  return { sopInstanceUid, outcome: listed ? 'listed' : 'unmentioned' };
}

/** Whether the answer is a Store Instances Response at all. */
export async function answerDatasets(answer: string): Promise<DicomDataset[]> {
  const start = answer.trimStart();
  if (start.startsWith('<')) return nativeXmlDataset(start);
  // a single dataset, or a list of them
  const list = start.startsWith('{') ? `[${start}]` : start;
  const datasets: DicomDataset[] = [];
  try {
    for await (const dataset of readDatasets('', once(list), { dataset: Infinity, answer: Infinity }))
      datasets.push(dataset);
  } catch {
    return [];
  }
  return datasets;
}

// eslint-disable-next-line @typescript-eslint/require-await -- text that is there already, read as if it arrived
async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
