import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { pixelGrid } from '../imaging/geometry.js';
import type { Volume } from '../imaging/volume.js';
import { readCaseList } from './cases.js';
import { describeProblem, objectsOf } from './types.js';

const noVolume = (): Promise<Volume> => Promise.reject(new Error('no volume is opened here'));
const image = (columns: number, rows: number, slices: number): Volume => ({
  voxels: new Uint8Array(columns * rows * slices),
  channels: 1,
  geometry: pixelGrid(columns, rows, slices),
  kind: 'stack',
  findings: [],
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cases-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function list(name: string, text: string) {
  const path = join(folder, name);
  await writeFile(path, text);
  return readCaseList(path, noVolume);
}

describe('readCaseList', () => {
  it('reads boxes, points, lines, windows and ranges', async () => {
    const { cases, problems } = await list(
      'good.csv',
      `\ufeffinput,output,slice,box,points,recist,recist_mode,window,range,label,name
a.nii.gz,,3,"1,2,30,40",,,,lung,2:9,1,nodule
a.nii.gz,,5,,"10,11;12,13,-",,,,,4,cyst
b.nrrd,out/b1.nrrd,0,,,"5,5,9,5",points,"40, 400",,,
`,
    );
    expect(problems).toEqual([]);
    expect(cases.map(({ id }) => id)).toEqual(['a', 'b1']);
    expect(cases[0]).toMatchObject({
      input: join(folder, 'a.nii.gz'),
      window: { kind: 'preset', name: 'lung' },
      range: { first: 2, last: 9 },
      names: new Map([
        [1, 'nodule'],
        [4, 'cyst'],
      ]),
      objects: [
        { label: 1, prompts: [{ kind: 'box', slice: 3, box: [1, 2, 30, 40] }] },
        {
          label: 4,
          prompts: [
            {
              kind: 'points',
              slice: 5,
              points: [
                { x: 10, y: 11, label: 1 },
                { x: 12, y: 13, label: 0 },
              ],
            },
          ],
        },
      ],
    });
    expect(cases[1]).toMatchObject({
      output: 'out/b1.nrrd',
      window: { kind: 'explicit', centre: 40, width: 400 },
      objects: [
        {
          label: 1,
          prompts: [{ kind: 'recist', slice: 0, mode: 'points', pixels: [5, 6, 7, 8, 9].map((x) => ({ x, y: 5 })) }],
        },
      ],
    });
  });

  it('gives rows without a label the next free one, and rows with the same label to one object', async () => {
    const { cases } = await list(
      'labels.csv',
      'input,slice,box,label\na.mha,1,"0,0,5,5",\na.mha,2,"0,0,5,5",1\na.mha,3,"0,0,5,5",\na.mha,9,"0,0,5,5",1\n',
    );
    const objects = await objectsOf(cases[0], image(9, 9, 9));
    expect(objects.map(({ label, prompts }) => [label, prompts.map(({ slice }) => slice)])).toEqual([
      [2, [1]],
      [1, [2, 9]],
      [3, [3]],
    ]);
  });

  it('says where a row is wrong, and reads the others', async () => {
    const { cases, problems } = await list(
      'bad.csv',
      `input,slice,box,points,window,range
a.nii,1.5,"1,2,3,4",,,
b.nii,1,"30,2,3,4",,,
c.nii,1,"1,2,3,x",,,
d.nii,1,,"1,2,7",,
e.nii,1,"1,2,3,4",,kidney,
f.nii,1,"1,2,3,4",,,9:3
g.nii,1,,,,
,1,"1,2,3,4",,,
i.nii,1,"1,2,3,4
j.nii,1,"1,2,3,4",,,
`.replace('i.nii,1,"1,2,3,4\n', 'i.nii,1,1\n'),
    );
    expect(cases.map(({ id }) => id)).toEqual(['j']);
    expect(problems.map(({ row, column }) => [row, column])).toEqual([
      [10, undefined],
      [2, 'slice'],
      [3, 'box'],
      [4, 'box'],
      [5, 'points'],
      [6, 'window'],
      [7, 'range'],
      [8, undefined],
      [9, 'input'],
    ]);
    const texts = problems.map((problem) => describeProblem({ ...problem, file: 'bad.csv' }));
    expect(texts[1]).toBe(
      'bad.csv, row 2, column slice: The slice must be a whole number of at least 0; "1.5" is not that.',
    );
    expect(texts[0]).toContain('row 10: The row cannot be read: it has more or fewer fields');
    for (const text of texts) expect(text).toMatch(/\.$/);
  });

  it('leaves out a case as a whole when one of its rows is wrong', async () => {
    const { cases, problems } = await list(
      'part.csv',
      'input,slice,box\na.nii,1,"1,2,3,4"\na.nii,2,nothing\nb.nii,1,"1,2,3,4"\n',
    );
    expect(cases.map(({ id }) => id)).toEqual(['b']);
    expect(problems.map(({ row, message }) => [row, message.slice(0, 20)])).toEqual([
      [3, 'A box needs 4 number'],
      [2, 'The case is left out'],
    ]);
  });

  it('refuses windows, ranges and names that differ within a case', async () => {
    const { cases, problems } = await list(
      'conflict.csv',
      'input,slice,box,window,label,name\na.nii,1,"1,2,3,4",lung,1,x\na.nii,2,"1,2,3,4",bone,1,y\n',
    );
    expect(cases).toEqual([]);
    expect(problems.map(({ row, column }) => [row, column])).toEqual([
      [3, 'window'],
      [3, 'name'],
      [2, undefined],
    ]);
  });

  it('reads JSON with arrays, and finds what is wrong in it', async () => {
    const { cases, problems } = await list(
      'list.json',
      JSON.stringify([
        {
          input: 'a.nii',
          slice: 3,
          box: [1, 2, 3, 4],
          points: [
            [5, 6, 0],
            [7, 8],
          ],
          range: [1, 5],
          x_comment: 'mine',
        },
        'text',
        { input: 'b.nii', box: [1, 2, 3, 4] },
        { input: 'c.nii', slice: 1, box: [1, 2, null, 4] },
      ]),
    );
    expect(cases).toHaveLength(1);
    expect(await objectsOf(cases[0], image(9, 9, 9))).toEqual([
      {
        label: 1,
        prompts: [
          {
            kind: 'box',
            slice: 3,
            box: [1, 2, 3, 4],
            points: [
              { x: 5, y: 6, label: 0 },
              { x: 7, y: 8, label: 1 },
            ],
          },
        ],
      },
    ]);
    expect(problems.map(({ row, column, message }) => [row, column, message])).toEqual([
      [2, undefined, 'The element is no object.'],
      [3, 'slice', 'The slice is missing or of the wrong type.'],
      [4, 'box', 'A box is missing or of the wrong type.'],
    ]);
  });

  it.each([
    ['typo.csv', 'input,slice,box,widow\na,1,"1,2,3,4",lung\n', 'list-columns'],
    ['missing.csv', 'input,box\na,"1,2,3,4"\n', 'list-columns'],
    ['empty.csv', '', 'list-columns'],
    ['broken.json', '[{"input": ', 'list-invalid'],
    ['object.json', '{"input": "a"}', 'list-invalid'],
  ])('refuses %s', async (name, text, code) => {
    await expect(list(name, text)).rejects.toMatchObject({ name: 'UserError', code });
  });

  it('says from where on nothing can be read when a quote is not closed', async () => {
    const { cases, problems } = await list('quote.csv', 'input,slice,box\na,1,"1,2,3,4"\nb,1,"1,2,3,4\nc,1,5\nd,1,6\n');
    expect(cases.map(({ id }) => id)).toEqual(['a']);
    expect(problems.map(({ row, message }) => [row, message])).toEqual([
      [3, 'The row cannot be read: a quote is not closed, so nothing after it is read.'],
    ]);
  });

  it('refuses a list that is not there', async () => {
    await expect(readCaseList(join(folder, 'none.csv'), noVolume)).rejects.toMatchObject({ code: 'list-not-found' });
  });

  it('gives results of inputs with the same name different ids', async () => {
    const { cases } = await list('same.csv', 'input,slice,box\np1/ct.nii,1,"1,2,3,4"\np2/CT.nii,1,"1,2,3,4"\n');
    expect(cases.map(({ id }) => id)).toEqual(['ct', 'CT-2']);
  });

  it('reads mask prompts from PNG and from a volume when the image is open', async () => {
    await mkdir(join(folder, 'masks'), { recursive: true });
    const png = encode({
      width: 4,
      height: 3,
      channels: 1,
      depth: 8,
      data: Uint8Array.of(0, 1, 2, 0, 0, 2, 2, 0, 0, 0, 0, 0),
    });
    await writeFile(join(folder, 'masks', 'm.png'), png);
    const path = join(folder, 'masks.csv');
    await writeFile(path, 'input,slice,mask,mask_value\na.nii,1,masks/m.png,2\na.nii,0,m.nii,\n');
    const labels = image(4, 3, 2);
    labels.voxels[5] = 7;
    const { cases } = await readCaseList(path, (file) => {
      expect(file).toBe(join(folder, 'm.nii'));
      return Promise.resolve(labels);
    });
    const objects = await objectsOf(cases[0], image(4, 3, 2));
    expect(objects.map(({ prompts }) => prompts[0])).toMatchObject([
      { kind: 'mask', slice: 1, mask: Uint8Array.of(0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0) },
      { kind: 'mask', slice: 0, mask: Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) },
    ]);
    await expect(objectsOf(cases[0], image(5, 3, 2))).rejects.toMatchObject({ code: 'mask-size' });
    await expect(
      objectsOf(cases[0], { ...image(4, 3, 2), geometry: { ...image(4, 3, 2).geometry, spacing: [2, 2, 2] } }),
    ).rejects.toMatchObject({ code: 'mask-grid' });
    await expect(objectsOf(cases[0], image(4, 3, 1))).rejects.toMatchObject({ code: 'slice-out-of-range' });
  });
});
