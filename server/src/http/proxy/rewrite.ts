import { Transform, type TransformCallback } from 'node:stream';

/**
 * Replaces the PACS's own root in addresses of bulk data (BulkDataURI, RetrieveURL) by that of this server: the browser
 * that reads them cannot reach the PACS. Works on bytes as they pass, so that metadata of any size is never held.
 */
export class RewriteRoots extends Transform {
  private rest: Buffer = Buffer.alloc(0);
  private readonly searched: readonly { readonly from: Buffer; readonly to: Buffer }[];
  private readonly longest: number;

  constructor(roots: readonly string[], own: string) {
    super();
    // a root begins a text of JSON and is followed by the path: nothing else is touched
    this.searched = roots.map((root) => ({ from: Buffer.from(`"${root}/`), to: Buffer.from(`"${own}/`) }));
    this.longest = Math.max(...this.searched.map(({ from }) => from.length));
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    const text = this.replace(this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]));
    // the beginning of a root may lie at the end
    const kept = Math.min(text.length, this.longest - 1);
    this.rest = Buffer.from(text.subarray(text.length - kept));
    callback(null, text.subarray(0, text.length - kept));
  }

  override _flush(callback: TransformCallback): void {
    callback(null, this.rest);
  }

  private replace(text: Buffer): Buffer {
    let result = text;
    for (const { from, to } of this.searched) {
      let at = result.indexOf(from);
      if (at === -1) continue;
      const parts: Buffer[] = [];
      let begin = 0;
      while (at !== -1) {
        parts.push(result.subarray(begin, at), to);
        begin = at + from.length;
        at = result.indexOf(from, begin);
      }
      parts.push(result.subarray(begin));
      result = Buffer.concat(parts);
    }
    return result;
  }
}
