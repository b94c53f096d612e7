import fc from 'fast-check';
import type { DicomDataset } from '../imaging/dicom/index.js';
import { readDatasets } from './json.js';

const limits = { dataset: 2000, answer: 10_000 };

async function datasets(text: string, size = text.length || 1): Promise<DicomDataset[]> {
  const bytes = Buffer.from(text);
  // eslint-disable-next-line @typescript-eslint/require-await -- arrives as from a network
  async function* arriving(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const read: DicomDataset[] = [];
  for await (const dataset of readDatasets('test', arriving(), limits)) read.push(dataset);
  return read;
}

describe('datasets in JSON', () => {
  it('person names, numbers, null, bulk data and nested items pass untouched', async () => {
    const dataset = {
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Ä{"}^[\\"', Ideographic: '山田^太郎' }] },
      '00280030': { vr: 'DS', Value: [0.488281, '0.5', null] },
      '00081140': { vr: 'SQ', Value: [{ '00081155': { vr: 'UI', Value: ['1.2'] } }, {}] },
      '7FE00010': { vr: 'OW', BulkDataURI: 'http://elsewhere/bulk' },
    };
    expect(await datasets(JSON.stringify([dataset, {}], null, 1))).toEqual([dataset, {}]);
  });

  it('tags in lower case are understood, other members left out, empty items may be null', async () => {
    const text =
      '[{"0020000d":{"vr":"UI","Value":["1.2"]},"__proto__":{"vr":"XX"},"x":1,"00081140":{"vr":"SQ","Value":[null]}}]';
    expect(await datasets(text)).toEqual([
      { '0020000D': { vr: 'UI', Value: ['1.2'] }, '00081140': { vr: 'SQ', Value: [{}] } },
    ]);
  });

  it('nothing at all is an empty list', async () => {
    expect(await datasets('')).toEqual([]);
    expect(await datasets(' [ ] \r\n')).toEqual([]);
  });

  it('whatever pieces they arrive in (property)', async () => {
    const text = fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', 'é', '山', 'a'), maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 5 }), fc.integer({ min: 1, max: 20 }), async (values, size) => {
        const expected = values.map((value) => ({ '00104000': { vr: 'LT', Value: [value] } }));
        expect(await datasets(JSON.stringify(expected), size)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['an end within a dataset', '[{"00080018":{'],
    ['an end between datasets', '[{},'],
    ['an end of the list missing', '[{}'],
    ['a comma too many', '[{},]'],
    ['two lists', '[{}][{}]'],
    ['no comma', '[{}{}]'],
    ['no list', '{"00080018":{"vr":"UI"}}'],
    ['a list of lists', '[[{}]]'],
    ['text', 'internal error'],
    ['an element that is none', '[{"00080018":5}]'],
    ['a value that is no list', '[{"00080018":{"vr":"UI","Value":"1.2"}}]'],
    ['a representation that is no text', '[{"00080018":{"vr":7}}]'],
    ['an item that is none', '[{"00081140":{"vr":"SQ","Value":["x"]}}]'],
    ['items nested too deep', `[${'{"00081140":{"vr":"SQ","Value":['.repeat(70)}${']}}'.repeat(70)}]`],
    ['a dataset beyond its limit', `[{"00104000":{"vr":"LT","Value":["${'x'.repeat(2000)}"]}}]`],
    ['an answer beyond its limit', `[${'{},'.repeat(4000)}{}]`],
  ])('%s: pacs-answer-invalid', async (_, text) => {
    await expect(datasets(text, 11)).rejects.toMatchObject({ code: 'pacs-answer-invalid' });
  });
});
