import { standsOut, type Colour } from '@medsam2/protocol/colours';

/**
 * Colours of new segments. The first seven are Okabe and Ito's, made for all kinds of colour vision (black left out: it
 * does not show on images); then darker and lighter ones between them. No eight colours are safe for everyone: labels
 * and outlines must tell segments apart too.
 */
const FIRST: readonly (readonly [number, number, number])[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
];

/** Golden angle: every next hue lies far from all before. */
const TURN = 137.50776405003785;

/** Colour of the `index`-th segment (from 0) of a session, sRGB 0..255; deterministic, endless. */
export function paletteColour(index: number): [number, number, number] {
  if (index < FIRST.length) return [...FIRST[index]] as [number, number, number];
  const turn = index - FIRST.length;
  // lightness is what remains when hues look alike
  const lightness = [0.35, 0.75, 0.55][turn % 3];
  return fromHsl((turn * TURN + 20) % 360, 0.7, lightness);
}

/** The first colour of the palette from the `index`-th (from 0) on that can be told from those that are there. */
export function freeColour(index: number, taken: readonly Colour[]): [number, number, number] {
  for (let at = index; at < index + mostTried; at++) {
    const colour = paletteColour(at);
    if (standsOut(colour, taken)) return colour;
  }
  return paletteColour(index);
}

/** With very many segments some colours are alike. */
const mostTried = 64;

/** Hue in degrees, saturation and lightness 0..1 (CSS Color 4, section 7). */
function fromHsl(hue: number, saturation: number, lightness: number): [number, number, number] {
  const channel = (offset: number): number => {
    const k = (offset + hue / 30) % 12;
    const amplitude = saturation * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - amplitude * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
