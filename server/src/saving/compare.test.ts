import { deflateRawSync } from 'node:zlib';
import { writeInstance } from '../imaging/dicom/testing/write-dicom.js';
import { compareInstances } from './compare.js';
import { testObject } from './testing/objects.js';

const sent = testObject({}, 5);
const given = (change: Parameters<typeof testObject>[0], syntax?: string): Uint8Array =>
  writeInstance(testObject(change, 5).elements, syntax);

describe('compareInstances', () => {
  it('takes what a PACS may do: more attributes, other file meta information, other transfer syntaxes', () => {
    expect(compareInstances(sent.bytes, sent.bytes)).toEqual([]);
    const otherPreamble = Uint8Array.from(sent.bytes).fill(7, 0, 128);
    expect(compareInstances(sent.bytes, otherPreamble)).toEqual([]);
    expect(compareInstances(sent.bytes, given({ '00080054': { vr: 'AE', Value: ['ARCHIVE'] } }))).toEqual([]);
    expect(compareInstances(sent.bytes, given({}, '1.2.840.10008.1.2'))).toEqual([]);
    const file = given({}, '1.2.840.10008.1.2.1.99');
    expect(file.length).toBeGreaterThan(0);
    expect(compareInstances(sent.bytes, deflated())).toEqual([]);
  });

  it.each([
    ['a changed text', { '0008103E': { vr: 'LO', Value: ['Other'] } }, '(0008,103E)', 'changed'],
    ['a missing attribute', { '00200013': undefined }, '(0020,0013)', 'missing'],
    ['a coerced name', { '00100010': { vr: 'PN', Value: ['Other^Name'] } }, '(0010,0010)', 'changed'],
    ['an emptied value', { '00100020': { vr: 'LO', Value: [] } }, '(0010,0020)', 'changed'],
    ['a filled value', { '00100030': { vr: 'DA', Value: ['19700101'] } }, '(0010,0030)', 'changed'],
    ['a changed number', { '00280101': { vr: 'US', Value: [8] } }, '(0028,0101)', 'changed'],
    [
      'one pixel',
      { '7FE00010': { vr: 'OB', Value: [new Uint8Array(12).fill(1, 11).buffer] } },
      '(7FE0,0010)',
      'changed',
    ],
    ['no pixels', { '7FE00010': undefined }, '(7FE0,0010)', 'missing'],
    [
      'an item of a sequence',
      {
        '00620002': {
          vr: 'SQ',
          Value: [
            { '00620004': { vr: 'US', Value: [1] }, '00620005': { vr: 'LO', Value: ['Liver'] } },
            { '00620004': { vr: 'US', Value: [2] }, '00620005': { vr: 'LO', Value: ['Spleen'] } },
          ],
        },
      },
      '(0062,0002)[1].(0062,0005)',
      'changed',
    ],
    ['a missing item', { '00620002': { vr: 'SQ', Value: [] } }, '(0062,0002)', 'changed'],
  ])('finds %s', (_what, change, where, what) => {
    expect(compareInstances(sent.bytes, given(change))).toEqual([{ where, what }]);
  });

  it('tells no values', () => {
    const found = compareInstances(sent.bytes, given({ '00100010': { vr: 'PN', Value: ['Secret^Name'] } }));
    expect(JSON.stringify(found)).not.toMatch(/Secret|Phantom/);
  });

  it('does not take a cut-off answer for a difference', () => {
    for (const length of [0, 10, 140, 200, sent.bytes.length - 5]) {
      expect(() => compareInstances(sent.bytes, sent.bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'pacs-answer-invalid' }) as Error,
      );
    }
  });

  it('says what it cannot compare, unless it is given a decoder', () => {
    const compressed = given(
      { '7FE00010': { vr: 'OB', Value: [new Uint8Array(8).buffer, new Uint8Array(8).buffer] } },
      '1.2.840.10008.1.2.5',
    );
    expect(() => compareInstances(sent.bytes, compressed)).toThrow(
      expect.objectContaining({ code: 'not-comparable' }) as Error,
    );
    const one = () => new Uint8Array(3);
    expect(compareInstances(sent.bytes, compressed, one)).toEqual([]);
    expect(compareInstances(sent.bytes, compressed, (bytes) => new Uint8Array(bytes === compressed ? 4 : 6))).toEqual([
      { where: '(7FE0,0010)', what: 'changed' },
    ]);
  });
});

/** The sent object with its dataset deflated (PS3.5 section A.5). */
function deflated(): Uint8Array {
  const explicit = Buffer.from(sent.bytes);
  const syntax = explicit.indexOf('1.2.840.10008.1.2.1');
  const metaEnd = syntax + explicit.readUInt16LE(syntax - 2);
  // the file meta information of dcmjs ends with the transfer syntax or with what follows it in group 2
  let at = metaEnd;
  while (explicit.readUInt16LE(at) === 2) {
    const long = ['OB', 'UN', 'SQ', 'UT'].includes(explicit.toString('latin1', at + 4, at + 6));
    at += long ? 12 + explicit.readUInt32LE(at + 8) : 8 + explicit.readUInt16LE(at + 6);
  }
  const uid = Buffer.from('1.2.840.10008.1.2.1.99', 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16LE(uid.length);
  return Buffer.concat([
    explicit.subarray(0, syntax - 2),
    length,
    uid,
    explicit.subarray(metaEnd, at),
    deflateRawSync(explicit.subarray(at)),
  ]);
}
