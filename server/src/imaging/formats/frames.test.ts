import { runPython, testPython } from '@medsam2/models/testing';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { detectFormat, openVolume } from '../open.js';
import { seededRandom } from '../testing/phantom.js';
import { refusal, temporaryFolder } from '../testing/temporary.js';
import { sliceView } from '../volume.js';
import { readFrames } from './frames.js';

const python = testPython();
const root = temporaryFolder();

function newFolder(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder);
  return folder;
}

const picture = (width: number, height: number, channels: 1 | 3 | 4, seed: number): Sharp => {
  const random = seededRandom(seed);
  const data = Buffer.from(Uint8Array.from({ length: width * height * channels }, () => random() * 256));
  return sharp(data, { raw: { width, height, channels } });
};

describe('readFrames', () => {
  it('reads frames in lexicographic order, whatever the file system says', async () => {
    const folder = newFolder('order');
    for (const [name, value] of [
      ['10.png', 10],
      ['9.png', 9],
      ['1.PNG', 1],
      ['A.png', 65],
    ] as const) {
      await sharp({ create: { width: 4, height: 3, channels: 3, background: { r: value, g: 0, b: 0 } } })
        .png()
        .toFile(join(folder, name));
    }
    writeFileSync(join(folder, '.hidden.png'), 'not read');
    writeFileSync(join(folder, 'notes.txt'), 'not read');
    const volume = await openVolume(folder);
    expect(volume).toMatchObject({ kind: 'cine', channels: 3, displayReady: true });
    expect(volume.geometry).toMatchObject({ columns: 4, rows: 3, slices: 4, spacing: [1, 1, 1] });
    expect([0, 1, 2, 3].map((frame) => sliceView(volume, frame)[0])).toEqual([1, 10, 9, 65]);
  });

  it('keeps grey frames grey, repeats them among colours, and drops alpha', async () => {
    const folder = newFolder('grey');
    await picture(5, 4, 1, 1).toColourspace('b-w').png().toFile(join(folder, 'a.png'));
    const grey = await readFrames(folder);
    expect(grey).toMatchObject({ channels: 1, geometry: { columns: 5, rows: 4, slices: 1 } });
    const colours = picture(5, 4, 4, 2);
    const raw = await colours.clone().raw().toBuffer();
    await colours.png().toFile(join(folder, 'b.png'));
    const both = await readFrames(folder);
    expect(both.channels).toBe(3);
    expect([...sliceView(both, 0)]).toEqual([...grey.voxels].flatMap((value) => [value, value, value]));
    expect([...sliceView(both, 1)]).toEqual([...raw].filter((_, at) => at % 4 !== 3));
  });

  it('refuses what it would have to guess about', async () => {
    const empty = newFolder('empty');
    expect(await refusal(readFrames(empty))).toBe('frames-none');
    expect(await refusal(openVolume(empty))).toBe('folder-empty');
    const sizes = newFolder('sizes');
    await picture(5, 4, 3, 1).png().toFile(join(sizes, 'a.png'));
    await picture(4, 5, 3, 1).png().toFile(join(sizes, 'b.png'));
    expect(await refusal(readFrames(sizes))).toBe('frames-differ');
    const broken = newFolder('broken');
    writeFileSync(join(broken, 'a.jpg'), 'no picture');
    expect(await refusal(readFrames(broken))).toBe('frame-unreadable');
    const cut = newFolder('cut');
    const whole = await picture(64, 64, 3, 1).png().toBuffer();
    writeFileSync(join(cut, 'a.png'), whole.subarray(0, whole.length / 2));
    expect(await refusal(readFrames(cut))).toBe('frame-unreadable');
    const deep = newFolder('deep');
    await picture(5, 4, 1, 1).toColourspace('grey16').png().toFile(join(deep, 'a.png'));
    expect(await refusal(readFrames(deep))).toBe('frame-type');
    expect(await refusal(readFrames(sizes, { maxBytes: 10 }))).toBe('frames-differ');
    const large = newFolder('large');
    await picture(5, 4, 3, 1).png().toFile(join(large, 'a.png'));
    expect(await refusal(readFrames(large, { maxBytes: 59 }))).toBe('image-too-large');
  });

  it('takes a folder with DICOM in it for DICOM, pictures or not', async () => {
    const folder = newFolder('dicom');
    await picture(5, 4, 3, 1).png().toFile(join(folder, 'preview.png'));
    expect(await detectFormat(folder)).toBe('frames');
    writeFileSync(join(folder, 'IM0001'), Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]));
    expect(await detectFormat(folder)).toBe('dicom');
  });
});

(python ? describe : describe.skip)('frames against Pillow', () => {
  it('decodes JPEG of every subsampling, progressive, grey, with profile or rotation, and PNG, to the same bytes', async () => {
    const folder = newFolder('pillow');
    await picture(97, 61, 3, 5)
      .blur(1.5)
      .withIccProfile('p3')
      .jpeg({ quality: 80 })
      .toFile(join(folder, 'profile.jpg'));
    await picture(97, 61, 3, 5).blur(1.5).withIccProfile('p3').png().toFile(join(folder, 'profile.png'));
    const script = `
import sys, glob, json, hashlib, numpy as np
from PIL import Image
folder = sys.stdin.read()
rng = np.random.default_rng(0)
y, x = np.mgrid[:61, :97]
base = np.stack([(x * 0.7 + 20 * np.sin(y / 9)) % 256, (y * 1.1) % 256, ((x + y) / 2) % 256], -1)
a = np.clip(base + rng.normal(0, 6, base.shape), 0, 255).astype('uint8')
for subsampling in (0, 1, 2):
    for quality in (30, 75, 95):
        Image.fromarray(a).save(f'{folder}/s{subsampling}q{quality}.jpg', quality=quality, subsampling=subsampling)
Image.fromarray(a).save(folder + '/progressive.jpg', progressive=True)
Image.fromarray(a[..., 0]).save(folder + '/grey.jpg')
Image.fromarray(a).convert('P').save(folder + '/palette.png')
Image.fromarray(a[..., 0]).save(folder + '/grey.png')
exif = Image.Exif(); exif[0x112] = 6
Image.fromarray(a).save(folder + '/rotated.jpg', exif=exif)
names = sorted(glob.glob(folder + '/*'))
print(json.dumps([hashlib.sha256(np.asarray(Image.open(n).convert('RGB')).tobytes()).hexdigest() for n in names]))`;
    const expected = JSON.parse(runPython(python as string, script, folder)) as string[];
    const volume = await readFrames(folder);
    expect(expected.length).toBe(16);
    expect(volume.geometry.slices).toBe(expected.length);
    const found = expected.map((_, frame) => createHash('sha256').update(sliceView(volume, frame)).digest('hex'));
    expect(found).toEqual(expected);
  });
});
