// Makes docs/images anew: `npm run build && npm run pictures`. The same code gives the same bytes.
// What is drawn is a synthetic phantom with the phantom's own labels, and the picture says so:
// MedSAM2's weights are not in the repository, and masks of random weights would show nothing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createImageSource, parseWindow, resolveWindow } from '../server/dist/index.js';
import { renderContactSheet } from '../server/dist/report/contact-sheet.js';
import { renderOverlay } from '../server/dist/report/overlay.js';

// The server's own image library.
const sharp = createRequire(new URL('../server/package.json', import.meta.url))('sharp');
const folder = new URL('../docs/images/', import.meta.url);
const [columns, rows, slices] = [300, 230, 25];
const keySlice = 12;

// Ellipsoids, later ones over earlier ones: centre and half axes in voxels (column, row, slice), Hounsfield units, label.
const anatomy = [
  { centre: [150, 115, 12], radii: [142, 104, 99], value: -95 },
  { centre: [150, 115, 12], radii: [130, 91, 99], value: 45 },
  { centre: [150, 112, 12], radii: [118, 78, 99], value: -85 },
  { centre: [100, 100, 13], radii: [66, 62, 14], value: 105, label: 1 },
  { centre: [226, 92, 15], radii: [26, 38, 11], value: 120 },
  { centre: [164, 74, 12], radii: [34, 22, 8], value: 35 },
  { centre: [150, 162, 12], radii: [24, 20, 99], value: 330 },
  { centre: [150, 192, 12], radii: [9, 12, 99], value: 420 },
  { centre: [150, 164, 12], radii: [8, 7, 99], value: 20 },
  { centre: [164, 130, 12], radii: [10, 10, 99], value: 190 },
  { centre: [138, 131, 12], radii: [11, 8, 99], value: 115 },
  { centre: [214, 152, 9], radii: [21, 26, 10], value: 165, label: 2 },
  { centre: [82, 148, 8], radii: [20, 25, 10], value: 165 },
  { centre: [88, 92, 12], radii: [17, 15, 5], value: 30, label: 3 },
];

/** Faint stripes: texture that needs no random numbers. */
const texture = (x, y, z) => 6 * Math.sin(x * 0.31 + y * 0.47 + z * 3);

const voxels = new Int16Array(columns * rows * slices);
const labels = new Uint8Array(voxels.length);
for (let z = 0, at = 0; z < slices; z++) {
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, at++) {
      let value = -1000;
      for (const { centre, radii, value: inside, label = 0 } of anatomy) {
        if (
          ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 + ((z - centre[2]) / radii[2]) ** 2 >
          1
        )
          continue;
        value = inside;
        labels[at] = label;
      }
      voxels[at] = value + texture(x, y, z);
    }
  }
}
const geometry = {
  columns,
  rows,
  slices,
  spacing: [1, 1, 4],
  origin: [0, 0, 0],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
};
const volume = { voxels, channels: 1, geometry, kind: 'stack', modality: 'CT', findings: [] };
const source = createImageSource(volume, resolveWindow(volume, parseWindow('abdomen')));

const names = { 1: 'liver', 2: 'kidney', 3: 'lesion' };
const area = rows * columns;
const maskOf = (slice, label) =>
  labels.subarray(slice * area, (slice + 1) * area).map((value) => (value === label ? 1 : 0));

/** Smallest box around a mask, as a person would draw it: two pixels wider. */
function boxAround(mask) {
  const inside = [...mask.keys()].filter((at) => mask[at] === 1);
  const xs = inside.map((at) => at % columns);
  const ys = inside.map((at) => Math.floor(at / columns));
  return [Math.min(...xs) - 2, Math.min(...ys) - 2, Math.max(...xs) + 2, Math.max(...ys) + 2];
}

const picture = (slice) =>
  renderOverlay({
    image: source.image(slice),
    rows,
    columns,
    channels: 1,
    masks: Object.entries(names).map(([label, text]) => ({
      label: Number(label),
      mask: maskOf(slice, Number(label)),
      text,
    })),
    prompts:
      slice === keySlice
        ? [3, 2].map((label) => ({ label, prompt: { kind: 'box', slice, box: boxAround(maskOf(slice, label)) } }))
        : [],
    caption: `phantom, slice ${slice} of ${slices}`,
  });

const shown = [keySlice - 4, keySlice, keySlice + 4];
const sheet = await renderContactSheet(
  [
    {
      title: 'Synthetic phantom, its own labels: how overlays look, not what a model found',
      pictures: await Promise.all(shown.map(picture)),
    },
  ],
  420,
);
mkdirSync(folder, { recursive: true });
// Sixty-four greys and colours are plenty here, and keep the file small.
writeFileSync(
  new URL('overlay.png', folder),
  await sharp(sheet).png({ palette: true, colours: 64, dither: 0, compressionLevel: 9 }).toBuffer(),
);
