import fc from 'fast-check';
import { boundaryOf, readParts, type Part } from './multipart.js';

const limits = { part: 1000, total: 5000 };
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** The parts of a body that arrives in pieces of these sizes, over and over. */
async function parts(body: Buffer, sizes: readonly number[] = [body.length], boundary = 'b'): Promise<Part[]> {
  // eslint-disable-next-line @typescript-eslint/require-await -- arrives as from a network
  async function* arriving(): AsyncGenerator<Uint8Array> {
    for (let at = 0, i = 0; at < body.length; at += sizes[i % sizes.length], i++)
      yield body.subarray(at, at + sizes[i % sizes.length]);
  }
  const read: Part[] = [];
  for await (const part of readParts('test', arriving(), boundary, limits)) read.push(part);
  return read;
}
const texts = async (...args: Parameters<typeof parts>): Promise<string[]> =>
  (await parts(...args)).map(({ body }) => Buffer.from(body).toString('latin1'));

describe('the boundary of a media type', () => {
  it.each([
    ['multipart/related; type="application/dicom"; boundary=abc', 'abc'],
    ['multipart/related; boundary="a b;c"; type="application/dicom"', 'a b;c'],
    ['Multipart/Related;Boundary=abc;type=application/dicom', 'abc'],
    ['multipart/related; type="application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"; boundary=x-1', 'x-1'],
    ['multipart/related; boundary = "q\\"uoted"', 'q"uoted'],
    ['application/dicom; boundary=abc', undefined],
    ['multipart/related; type="application/dicom"', undefined],
    ['multipart/related; boundary=""', undefined],
    [undefined, undefined],
  ])('%s', (contentType, boundary) => {
    expect(boundaryOf(contentType)).toBe(boundary);
  });
});

describe('parts of a multipart body', () => {
  it('with and without headers, preamble, epilogue and padding', async () => {
    const body = bytes(
      'for old readers\r\n--b \t\r\nContent-Type: application/dicom\r\nContent-Length: 3\r\n\r\none' +
        '\r\n--b\r\n\r\ntwo\r\n--b\r\nX: y\r\n\r\n\r\n--b--\r\nafter\r\n--b\r\n\r\nnot this',
    );
    const read = await parts(body);
    expect(read.map(({ body: content }) => Buffer.from(content).toString())).toEqual(['one', 'two', '']);
    expect(read[0].headers).toEqual({ 'content-type': 'application/dicom', 'content-length': '3' });
    expect(await texts(bytes('--b--'))).toEqual([]);
  });

  it('content that looks like a boundary is content', async () => {
    const content = '\r\n--bc\r\n--b x\r\n--\r\n-b--b\r\n--b\n';
    expect(await texts(bytes(`--b\r\n\r\n${content}\r\n--b--`))).toEqual([content]);
  });

  it('whatever pieces they arrive in (property)', async () => {
    // made of the bytes that boundaries are made of, so that they nearly occur all the time
    const content = fc.array(fc.constantFrom('\r', '\n', '-', 'b', 'a', '\r\n--', '\r\n--b'), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        async (contents, sizes) => {
          const bodies = contents.map((pieces) => pieces.join('').replaceAll(/\r\n--b(?=[ \t]*(\r|-|$))/g, '\r\n--a'));
          const body = bytes(`${bodies.map((text) => `\r\n--b\r\n\r\n${text}`).join('')}\r\n--b--`);
          expect(await texts(body, sizes)).toEqual(bodies);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ['nothing', ''],
    ['no boundary', 'x'.repeat(300)],
    ['an end within the headers', '--b\r\nContent-Type: a'],
    ['an end within a part', '--b\r\n\r\none\r\n--b\r\n\r\ntw'],
    ['an end within the last boundary', '--b\r\n\r\none\r\n--b-'],
    ['a part shorter than it states', '--b\r\nContent-Length: 4\r\n\r\none\r\n--b--'],
    ['a part longer than it states', '--b\r\nContent-Length: 2\r\n\r\none\r\n--b--'],
    ['endless headers', `--b\r\n${'x'.repeat(20_000)}`],
    ['an endless preamble', 'x'.repeat(70_000)],
    ['a part beyond its limit', `--b\r\n\r\n${'x'.repeat(1001)}\r\n--b--`],
    ['parts beyond the limit of all', `${`--b\r\n\r\n${'x'.repeat(900)}\r\n`.repeat(6)}--b--`],
  ])('%s: pacs-answer-invalid', async (_, body) => {
    await expect(parts(bytes(body), [7])).rejects.toMatchObject({ code: 'pacs-answer-invalid' });
  });

  it('are bytes of their own, and come before the stream is over', async () => {
    const chunk = bytes('--b\r\n\r\none\r\n--b\r\n\r\ntwo');
    // eslint-disable-next-line @typescript-eslint/require-await -- arrives as from a network
    async function* reused(): AsyncGenerator<Uint8Array> {
      yield chunk;
      chunk.fill(0);
      throw new Error('not asked for more than the first part needs');
    }
    const reader = readParts('test', reused(), 'b', limits);
    const { value } = (await reader.next()) as { value: Part };
    expect(Buffer.from(value.body).toString()).toBe('one');
    expect(value.body.byteOffset).toBe(0);
    expect(value.body.buffer.byteLength).toBe(3);
    await expect(reader.next()).rejects.toThrow('not asked');
  });
});
