import sharp from 'sharp';
import { renderContactSheet } from '../../report/contact-sheet.js';
import { renderOverlay } from '../../report/overlay.js';
import type { Crop } from './crops.js';
import type { StructurePictures } from './evaluate-model.js';

/** Structures shown per row; each has two pictures. */
const perRow = 2;

/**
 * The worst, the middle and the best structures by volume Dice, truth and prediction outlined: a PNG.
 *
 * @returns undefined when there is nothing to show
 */
export async function renderResultSheet(all: readonly StructurePictures[], tile = 320): Promise<Buffer | undefined> {
  if (all.length === 0) return undefined;
  const sorted = [...all].sort((a, b) => a.result.scores.model.dice - b.result.scores.model.dice);
  const middle = Math.max(0, Math.floor((sorted.length - perRow) / 2));
  const rows = [
    { title: 'worst', shown: sorted.slice(0, perRow) },
    { title: 'median', shown: sorted.slice(middle, middle + perRow) },
    { title: 'best', shown: sorted.slice(-perRow) },
  ];
  const sheet = await renderContactSheet(
    await Promise.all(
      rows.map(async ({ title, shown }) => ({ title, pictures: (await Promise.all(shown.map(draw))).flat() })),
    ),
    tile,
  );
  // Greys and a few line colours: a palette shows them as well, in a third of the bytes.
  return sharp(sheet).png({ palette: true, quality: 90, compressionLevel: 9 }).toBuffer();
}

function draw({ result, key, worst }: StructurePictures): Promise<Buffer[]> {
  const { dice, keyDice } = result.scores.model;
  const title = `${result.case}: ${result.name}`;
  return Promise.all([
    drawCrop(key, `${title}, prompted slice ${key.slice + 1} of ${key.slices}, Dice here ${keyDice.toFixed(2)}`),
    drawCrop(
      worst,
      `${title}, most wrong: slice ${worst.slice + 1} of ${worst.slices}, volume Dice ${dice.toFixed(2)}`,
    ),
  ]);
}

function drawCrop({ image, rows, columns, channels, truth, prediction, box }: Crop, caption: string): Promise<Buffer> {
  return renderOverlay({
    image,
    rows,
    columns,
    channels,
    masks: [
      { label: 1, mask: truth, text: 'truth' },
      { label: 2, mask: prediction, text: 'model' },
    ],
    prompts: box ? [{ label: 6, prompt: { kind: 'box', slice: 0, box } }] : [],
    caption,
  });
}
