import { encodeFrame, streamType } from '@medsam2/protocol';
import type { Response } from 'express';
import type { Answer } from './route.js';
import { writeEvents, type StreamOptions } from './stream.js';

/** Writes what a handler gave back. */
export async function sendAnswer(response: Response, answer: Answer, stream: StreamOptions): Promise<void> {
  // answers are about patients: no cache, neither the browser's nor a proxy's, may keep them
  response.setHeader('Cache-Control', 'no-store');
  switch (answer.kind) {
    case 'json':
      response
        .status(answer.status ?? 200)
        .type('application/json')
        .send(JSON.stringify(answer.body));
      return;
    case 'empty':
      response.status(204).end();
      return;
    case 'text':
      response.status(200).setHeader('Content-Type', answer.contentType);
      response.end(answer.text);
      return;
    case 'file':
      response.status(200).attachment(safeFileName(answer.fileName));
      response.setHeader('Content-Type', answer.contentType);
      response.setHeader('Content-Length', answer.bytes.byteLength);
      response.end(answer.bytes);
      return;
    case 'events':
      response.status(200).setHeader('Content-Type', streamType);
      response.end(Buffer.concat(answer.events.map((event) => encodeFrame(event))));
      return;
    case 'stream':
      response.status(200).setHeader('Content-Type', streamType);
      // reverse proxies would collect events until a buffer is full
      response.setHeader('X-Accel-Buffering', 'no');
      response.setHeader('Cache-Control', 'no-store, no-transform');
      response.flushHeaders();
      if (response.req.method === 'HEAD') response.end();
      else await writeEvents(response, answer.events, stream);
      return;
  }
}

/** A name that no file system and no header takes for anything else. */
export function safeFileName(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/g, '_')
    .replace(/^[._-]+/, '')
    .slice(0, 120);
  return plain === '' ? 'download' : plain;
}
