import { UserError } from '@medsam2/models';

/** How intensities become 0..255: what a user asked for, before it meets an image. */
export type WindowSpec =
  | { readonly kind: 'preset'; readonly name: string }
  | { readonly kind: 'explicit'; readonly centre: number; readonly width: number }
  | { readonly kind: 'percentiles'; readonly low: number; readonly high: number }
  | { readonly kind: 'auto' }
  | { readonly kind: 'none' };

export interface WindowPreset {
  readonly centre: number;
  readonly width: number;
}

/**
 * CT windows in Hounsfield units. `abdomen`, `lung`, `brain`, `mediastinum` are those of the MedSAM2 Slicer plugin, `luna25`
 * is that of the LUNA25 script (specification section 3.1); the others are common radiological windows.
 */
export const windowPresets: Readonly<Record<string, WindowPreset>> = {
  abdomen: { centre: 40, width: 400 },
  lung: { centre: -600, width: 1500 },
  brain: { centre: 40, width: 80 },
  mediastinum: { centre: 50, width: 350 },
  bone: { centre: 400, width: 1800 },
  liver: { centre: 60, width: 160 },
  'soft-tissue': { centre: 50, width: 400 },
  luna25: { centre: -750, width: 1500 },
};

/** The rule of the MedSAM2 Slicer plugin for MR, taken for PET too. */
export const defaultPercentiles = { low: 0.5, high: 99.5 } as const;

const number = String.raw`[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?`;
const explicitPattern = new RegExp(`^(${number}),(${number})$`, 'i');
const percentilePattern = new RegExp(`^p(${number}),p?(${number})$`, 'i');

/**
 * Parses `preset`, `centre,width` (as `40,400`), `pLOW,pHIGH` (as `p0.5,p99.5`), `auto` or `none`.
 *
 * @throws UserError `window-invalid`
 */
export function parseWindow(text: string): WindowSpec {
  const value = text
    .trim()
    .toLowerCase()
    .replace(/\s*,\s*/g, ',');
  if (value === 'auto' || value === 'none') return { kind: value };
  if (Object.hasOwn(windowPresets, value)) return { kind: 'preset', name: value };
  const explicit = explicitPattern.exec(value);
  if (explicit) {
    const [centre, width] = [Number(explicit[1]), Number(explicit[2])];
    if (!(width > 0) || !Number.isFinite(width) || !Number.isFinite(centre)) {
      throw invalid(text, `its width ${explicit[2]} is not greater than 0`);
    }
    return { kind: 'explicit', centre, width };
  }
  const percentiles = percentilePattern.exec(value);
  if (percentiles) {
    const [low, high] = [Number(percentiles[1]), Number(percentiles[2])];
    if (!(low >= 0 && low < high && high <= 100)) throw invalid(text, 'percentiles need 0 <= low < high <= 100');
    return { kind: 'percentiles', low, high };
  }
  throw invalid(text, 'it is none of the known forms');
}

const invalid = (text: string, why: string): UserError =>
  new UserError(
    'window-invalid',
    `The window "${text.slice(0, 40)}" cannot be used: ${why}.`,
    `Use a preset (${Object.keys(windowPresets).join(', ')}), centre,width as 40,400, percentiles as p0.5,p99.5, auto or none.`,
  );
