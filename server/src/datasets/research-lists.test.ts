import { encode } from 'fast-png';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { runPython, testPython } from '@medsam2/models/testing';
import { openVolume } from '../imaging/open.js';
import { indexToWorld, pixelGrid } from '../imaging/geometry.js';
import type { GridGeometry, Volume } from '../imaging/volume.js';
import { readDeepLesion } from './deeplesion.js';
import { readLuna } from './luna.js';
import { readMaskPng } from './mask-png.js';
import { readRecistCases, recistObjects } from './recist-npz.js';
import { objectsOf } from './types.js';
import { readVideos } from './video.js';

const python = testPython();
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'lists-'));
});
afterAll(() => rm(root, { recursive: true }));

async function folderOf(name: string, files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    await mkdir(join(folder, file, '..'), { recursive: true });
    await writeFile(join(folder, file), content);
  }
  return folder;
}

function volumeOf(geometry: GridGeometry): Volume {
  const voxels = new Uint8Array(geometry.columns * geometry.rows * geometry.slices);
  return { voxels, channels: 1, geometry, kind: 'stack', findings: [] };
}

describe('readDeepLesion', () => {
  const header =
    'File_name,Patient_index,Study_index,Series_ID,Key_slice_index,Measurement_coordinates,Bounding_boxes,Lesion_diameters_Pixel_,Normalized_lesion_location,Coarse_lesion_type,Possibly_noisy,Slice_range,Spacing_mm_px_,Image_size,DICOM_windows,Patient_gender,Patient_age,Train_Val_Test';
  const row = (file: string, key: number | string, box: string, slices: string, window: string): string =>
    `${file},1,1,1,${key},"1, 2, 3, 4","${box}","9, 8","0.1, 0.2, 0.3",3,0,"${slices}","0.488, 0.488, 5","512, 512","${window}",F,62,3`;
  const csv = [
    header,
    row('000001_01_01_109.png', 109, '226.169, 90.0204, 241.252, 111.977', '103, 115', '-1350, 150'),
    row('000001_03_01_101.png', 101, '10, 20, 30, 40', '88, 108', '-175, 275'),
    row('000001_03_01_102.png', 101, '50.9, 60.9, 70.9, 80.9', '88, 108', '-175, 275'),
    row('000009_01_01_005.png', 5, '1, 2, 3, 4', '1, 9', '0, 10'),
    row('000002_01_01_162.png', 162, '1, 2, x, 4', '158, 174', '-175, 275'),
    row('000002_01_01_163.png', 200, '1, 2, 3, 4', '158, 174', '275, -175'),
    row('holiday.png', 163, '1, 2, 3, 4', '158, 174', '-175, 275'),
  ].join('\n');

  const read = async (boxes: 'transposed' | 'as-listed') => {
    const images = await folderOf('deeplesion', {
      'list.csv': csv,
      '000001_01_01_103-115.nii.gz': '',
      '000001_03_01_088-108.nii.gz': '',
      '000003_01_01_088-108.nii.gz': '',
      'liver.nii.gz': '',
      '._000001_03_01_088-108.nii.gz': '',
    });
    return readDeepLesion({ csv: join(images, 'list.csv'), images, boxes });
  };

  it('makes one case per lesion, with window, offset slice and a box whose x and y changed places', async () => {
    const { cases, unmatchedRows } = await read('transposed');
    expect(cases).toHaveLength(3);
    expect(cases[0]).toMatchObject({
      id: '000001_01_01_103-115_k109_mask',
      input: join(root, 'deeplesion', '000001_01_01_103-115.nii.gz'),
      window: { kind: 'explicit', centre: -600, width: 1500 },
      windowMode: 'data',
      objects: [{ label: 1, prompts: [{ kind: 'box', slice: 6, box: [90, 226, 111, 241] }] }],
    });
    expect(unmatchedRows).toBe(1);
  });

  it('keeps boxes as listed when asked, and names two lesions on one slice apart', async () => {
    const { cases } = await read('as-listed');
    expect(cases.slice(1).map(({ id, objects }) => [id, objects])).toEqual([
      ['000001_03_01_088-108_k101_mask', [{ label: 1, prompts: [{ kind: 'box', slice: 13, box: [10, 20, 30, 40] }] }]],
      [
        '000001_03_01_088-108_k101_mask-2',
        [{ label: 1, prompts: [{ kind: 'box', slice: 13, box: [50, 60, 70, 80] }] }],
      ],
    ]);
  });

  it('names row and column of what is wrong, and files that fit no row', async () => {
    const { problems } = await read('transposed');
    expect(
      problems.map(({ row: at, column, message }) => [at, column, message.split(' ').slice(0, 4).join(' ')]),
    ).toEqual([
      [6, 'Bounding_boxes', 'The box needs 4'],
      [7, 'Key_slice_index', 'The key slice 200'],
      [7, 'DICOM_windows', 'The window 275 to'],
      [8, 'File_name', 'A file name is'],
      [undefined, undefined, 'No row of the'],
      [undefined, undefined, 'The name is not'],
    ]);
  });

  it('refuses a table without the columns it needs', async () => {
    const images = await folderOf('deeplesion2', { 'list.csv': 'File_name,Slice_range\na,b\n' });
    await expect(readDeepLesion({ csv: join(images, 'list.csv'), images, boxes: 'transposed' })).rejects.toMatchObject({
      code: 'list-columns',
    });
  });
});

describe('RECIST npz', () => {
  const volume = volumeOf(pixelGrid(8, 6, 3));
  const lines = (marks: readonly [index: number, label: number][]) => {
    const labels = new Uint8Array(volume.voxels.length);
    for (const [index, label] of marks) labels[index] = label;
    return { labels, geometry: volume.geometry };
  };

  it('makes one prompt per label, on the slice of its line', () => {
    const objects = recistObjects(
      lines([
        [10, 3],
        [19, 3],
        [97, 1],
      ]),
      volume,
      { mode: 'box', shift: 2 },
    );
    expect(objects).toEqual([
      { label: 1, prompts: [{ kind: 'recist', slice: 2, mode: 'box', shift: 2, pixels: [{ x: 1, y: 0 }] }] },
      {
        label: 3,
        prompts: [
          {
            kind: 'recist',
            slice: 0,
            mode: 'box',
            shift: 2,
            pixels: [
              { x: 2, y: 1 },
              { x: 3, y: 2 },
            ],
          },
        ],
      },
    ]);
  });

  it.each([
    ['recist-none', lines([])],
    [
      'recist-slices',
      lines([
        [3, 1],
        [60, 1],
      ]),
    ],
    ['recist-shape', { labels: new Uint8Array(6), geometry: pixelGrid(3, 2, 1) }],
  ])('refuses with %s', (code, marks) => {
    expect(() => recistObjects(marks, volume, { mode: 'points' })).toThrow(expect.objectContaining({ code }) as Error);
  });

  (python ? it : it.skip)('reads files written by numpy', async () => {
    const folder = await folderOf('recist', {});
    runPython(
      python as string,
      `import numpy as np
r = np.zeros((3, 6, 8), np.uint8); r[1, 2, 2:7] = 4
np.savez_compressed(${JSON.stringify(join(folder, 'a.npz'))}, imgs=np.zeros((3, 6, 8), np.uint8), recist=r, spacing=np.array([1., 1., 5.]))
np.savez_compressed(${JSON.stringify(join(folder, 'b.npz'))}, imgs=np.zeros((3, 6, 8), np.uint8))`,
    );
    const { cases } = await readRecistCases(folder, { mode: 'points' });
    expect(cases.map(({ id }) => id)).toEqual(['a', 'b']);
    const opened = await openVolume(cases[0].input);
    expect(await objectsOf(cases[0], opened)).toEqual([
      {
        label: 4,
        prompts: [{ kind: 'recist', slice: 1, mode: 'points', pixels: [2, 3, 4, 5, 6].map((x) => ({ x, y: 2 })) }],
      },
    ]);
    await expect(objectsOf(cases[1], opened)).rejects.toMatchObject({ code: 'npz-missing-array' });
  });

  it('refuses a folder without npz files', async () => {
    const folder = await folderOf('recist-none', { 'a.txt': '' });
    await expect(readRecistCases(folder, { mode: 'box' })).rejects.toMatchObject({ code: 'images-folder' });
  });
});

describe('readLuna', () => {
  const geometry: GridGeometry = {
    columns: 40,
    rows: 30,
    slices: 20,
    spacing: [0.7, 0.8, 2.5],
    origin: [-100, -120, -300],
    direction: [-1, 0, 0, 0, 1, 0, 0, 0, -1],
  };

  it('turns world points into voxels of the volume, one object each', async () => {
    const [a, b] = [indexToWorld(geometry, [10.4, 20.6, 5]), indexToWorld(geometry, [0, 29.4, 19.4])];
    const images = await folderOf('luna', {
      'list.csv': `SeriesInstanceUID,CoordX,CoordY,CoordZ,label\n1.2.3,${a.join()},1\n1.2.3,${b.join()},0\n1.2.9,1,2,3,1\n`,
      '1.2.3.mha': '',
    });
    const { cases, problems, unmatchedRows } = await readLuna({ csv: join(images, 'list.csv'), images });
    expect([cases.length, problems, unmatchedRows]).toEqual([1, [], 1]);
    expect(cases[0]).toMatchObject({ id: '1.2.3', window: { kind: 'preset', name: 'luna25' }, windowMode: 'data' });
    expect(await objectsOf(cases[0], volumeOf(geometry))).toEqual([
      { label: 1, prompts: [{ kind: 'points', slice: 5, points: [{ x: 10, y: 21, label: 1 }] }] },
      { label: 2, prompts: [{ kind: 'points', slice: 19, points: [{ x: 0, y: 29, label: 1 }] }] },
    ]);
    await expect(objectsOf(cases[0], volumeOf(pixelGrid(9, 9, 9)))).rejects.toMatchObject({
      code: 'point-outside-volume',
    });
  });

  it('leaves out a series with a wrong row, so that its objects keep their numbers', async () => {
    const images = await folderOf('luna2', {
      'list.csv': 'SeriesInstanceUID,CoordX,CoordY,CoordZ\n1.2.3,1,2,nan\n1.2.3,1,2,3\n1.2.4,1,2,3\nx,1,2,3\n',
      '1.2.3.mha': '',
      '1.2.4.mha': '',
    });
    const { cases, problems } = await readLuna({ csv: join(images, 'list.csv'), images });
    expect(cases.map(({ id }) => id)).toEqual(['1.2.4']);
    expect(problems.map(({ row, column }) => [row, column])).toEqual([
      [2, 'CoordZ'],
      [5, 'SeriesInstanceUID'],
      [undefined, undefined],
    ]);
  });
});

describe('readMaskPng', () => {
  it('keeps the numbers of grey masks', async () => {
    const folder = await folderOf('png', {
      'grey.png': encode({ width: 3, height: 2, channels: 1, depth: 8, data: Uint8Array.of(0, 1, 2, 3, 250, 255) }),
      'deep.png': encode({ width: 2, height: 1, channels: 1, depth: 16, data: Uint16Array.of(300, 2) }),
      'colour.png': encode({ width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) }),
      'text.png': 'this is no picture, but long enough to hold a header of one',
    });
    const grey = await readMaskPng(join(folder, 'grey.png'));
    expect([[...grey.values], grey.rows, grey.columns]).toEqual([[0, 1, 2, 3, 250, 255], 2, 3]);
    expect([...(await readMaskPng(join(folder, 'deep.png'))).values]).toEqual([300, 2]);
    await expect(readMaskPng(join(folder, 'colour.png'))).rejects.toMatchObject({ code: 'mask-colour' });
    await expect(readMaskPng(join(folder, 'text.png'))).rejects.toMatchObject({ code: 'mask-unreadable' });
    await expect(readMaskPng(join(folder, 'none.png'))).rejects.toMatchObject({ code: 'mask-not-found' });
  });

  it('believes no header that declares more than can be held', async () => {
    const bytes = Buffer.from(encode({ width: 3, height: 2, channels: 1, data: new Uint8Array(6) }));
    bytes.writeUInt32BE(1 << 30, 16);
    const folder = await folderOf('png-huge', { 'huge.png': bytes });
    await expect(readMaskPng(join(folder, 'huge.png'))).rejects.toMatchObject({ code: 'mask-too-large' });
  });

  (python ? it : it.skip)('reads palette masks of 1, 2, 4 and 8 bits as Pillow does', async () => {
    const folder = await folderOf('palette', {});
    const expected = JSON.parse(
      runPython(
        python as string,
        `import json, numpy as np
from PIL import Image
out = []
for bits in (1, 2, 4, 8):
    a = ((np.arange(11 * 5).reshape(5, 11) * 7) % min(2 ** bits, 200)).astype(np.uint8)
    im = Image.fromarray(a); im.putpalette(list(range(256))[: 2 ** bits] * 3)
    path = ${JSON.stringify(folder)} + f"/p{bits}.png"
    im.save(path, bits=bits)
    out.append(np.array(Image.open(path)).ravel().tolist())
print(json.dumps(out))`,
      ),
    ) as number[][];
    for (const [at, bits] of [1, 2, 4, 8].entries()) {
      expect([...(await readMaskPng(join(folder, `p${bits}.png`))).values]).toEqual(expected[at]);
    }
  });
});

describe('readVideos', () => {
  const png = (...values: number[]) => encode({ width: 2, height: 2, channels: 1, data: Uint8Array.from(values) });
  const blank = () =>
    sharp(Buffer.alloc(12), { raw: { width: 2, height: 2, channels: 3 } })
      .jpeg()
      .toBuffer();
  const volume = volumeOf(pixelGrid(2, 2, 3));

  const make = async (name: string, masks: Record<string, Uint8Array>, more: Record<string, string> = {}) => {
    const frame = await blank();
    const frames = Object.fromEntries(['00000', '00001', '00002'].map((at) => [`videos/dog/${at}.jpg`, frame]));
    const folder = await folderOf(name, { ...frames, 'masks/.keep': '', ...masks, ...more });
    return { videos: join(folder, 'videos'), masks: join(folder, 'masks') };
  };
  const flow = (objects: Awaited<ReturnType<typeof objectsOf>>) =>
    objects.map(({ label, prompts }) => [
      label,
      prompts.map((prompt) => (prompt.kind === 'mask' ? [prompt.slice, ...prompt.mask] : [])),
    ]);

  it('prompts every object of the first mask', async () => {
    const folders = await make('v1', {
      'masks/dog/00000.png': png(0, 2, 1, 1),
      'masks/dog/00001.png': png(2, 2, 2, 2),
    });
    const { cases } = await readVideos(folders);
    expect(cases.map(({ id, input }) => [id, input])).toEqual([['dog', join(folders.videos, 'dog')]]);
    expect(flow(await objectsOf(cases[0], volume))).toEqual([
      [1, [[0, 0, 0, 1, 1]]],
      [2, [[0, 0, 1, 0, 0]]],
    ]);
  });

  it('uses all masks, or starts objects later, when asked', async () => {
    const masks = { 'masks/dog/00000.png': png(0, 0, 1, 1), 'masks/dog/00002.png': png(3, 0, 1, 0) };
    const folders = await make('v2', masks);
    const objects = async (options: object) =>
      objectsOf((await readVideos({ ...folders, ...options })).cases[0], volume);
    expect(flow(await objects({ laterObjects: true }))).toEqual([
      [1, [[0, 0, 0, 1, 1]]],
      [3, [[2, 1, 0, 0, 0]]],
    ]);
    expect(flow(await objects({ laterObjects: true, allMasks: true }))).toEqual([
      [
        1,
        [
          [0, 0, 0, 1, 1],
          [2, 0, 0, 1, 0],
        ],
      ],
      [3, [[2, 1, 0, 0, 0]]],
    ]);
    await expect(objects({ allMasks: true })).rejects.toMatchObject({ code: 'video-object-later' });
  });

  it('reads one folder per object', async () => {
    const folders = await make('v3', {
      'masks/dog/001/00000.png': png(0, 0, 255, 0),
      'masks/dog/007/00000.png': png(9, 0, 0, 0),
    });
    const { cases } = await readVideos({ ...folders, perObject: true });
    expect(flow(await objectsOf(cases[0], volume))).toEqual([
      [1, [[0, 0, 0, 1, 0]]],
      [7, [[0, 1, 0, 0, 0]]],
    ]);
  });

  it('says which videos of a list are not there, and what a video lacks', async () => {
    const folders = await make('v4', { 'masks/dog/00001.png': png(1, 0, 0, 0) }, { 'list.txt': 'dog\n\n../cat\n' });
    const { cases, problems } = await readVideos({ ...folders, list: join(folders.videos, '..', 'list.txt') });
    expect(cases.map(({ id }) => id)).toEqual(['dog']);
    expect(problems.map(({ row, message }) => [row, message])).toEqual([[3, 'There is no folder of frames "../cat".']]);
    await expect(objectsOf(cases[0], volume)).rejects.toMatchObject({ code: 'video-masks-missing' });
  });

  it('refuses masks of another size, turned ones too', async () => {
    const turned = encode({ width: 1, height: 4, channels: 1, data: Uint8Array.of(1, 0, 0, 0) });
    const { cases } = await readVideos(await make('v5', { 'masks/dog/00000.png': turned }));
    await expect(objectsOf(cases[0], volume)).rejects.toMatchObject({ code: 'mask-size' });
  });
});
