import { fromColumns, invert, multiply, type Matrix3, type Vector3 } from '../imaging/geometry.js';

/**
 * Display colours of segments: sRGB as screens have it, and CIELab as DICOM stores it (PS3.3 section C.10.7.1.1:
 * Profile Connection Space, so white is D50; L* 0..100 and a*, b* -128..127 are each spread over 0..65535).
 */

/** Linear sRGB (D65) -> XYZ adapted to D50 by Bradford, as in the ICC profile of sRGB; columns: red, green, blue. */
const SRGB_TO_XYZ: Matrix3 = fromColumns(
  [0.4360747, 0.2225045, 0.0139322],
  [0.3850649, 0.7168786, 0.0971045],
  [0.1430804, 0.0606169, 0.7141733],
);
/** What the matrix makes of white: the D50 white point, free of the rounding of its published digits. */
const WHITE: Vector3 = multiply(SRGB_TO_XYZ, [1, 1, 1]);
const EPSILON = 216 / 24389;
const KAPPA = 24389 / 27;

/** [red, green, blue] 0..255 -> RecommendedDisplayCIELabValue: three unsigned 16-bit numbers (encoded L*, a*, b*). */
export function encodeCieLab(colour: readonly [number, number, number]): [number, number, number] {
  const linear = colour.map((value) => toLinear(clamp(value, 255) / 255)) as unknown as Vector3;
  const [x, y, z] = multiply(SRGB_TO_XYZ, linear).map((value, axis) => forward(value / WHITE[axis]));
  const lab = [(116 * y - 16) / 100, (500 * (x - y) + 128) / 255, (200 * (y - z) + 128) / 255];
  return lab.map((value) => Math.round(clamp(value, 1) * 65535)) as [number, number, number];
}

/** RecommendedDisplayCIELabValue -> [red, green, blue] 0..255; colours outside sRGB become the nearest within. */
export function decodeCieLab(encoded: readonly [number, number, number]): [number, number, number] {
  const [lightness, a, b] = [
    (encoded[0] / 65535) * 100,
    (encoded[1] / 65535) * 255 - 128,
    (encoded[2] / 65535) * 255 - 128,
  ];
  const y = (lightness + 16) / 116;
  const xyz = [y + a / 500, y, y - b / 200].map((value, axis) => backward(value) * WHITE[axis]) as unknown as Vector3;
  const toSrgb = invert(SRGB_TO_XYZ);
  if (!toSrgb) throw new Error('the matrix of sRGB is singular');
  return multiply(toSrgb, xyz).map((value) => Math.round(toGamma(clamp(value, 1)) * 255)) as [number, number, number];
}

const clamp = (value: number, most: number): number => Math.min(most, Math.max(0, value));
const toLinear = (value: number): number => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const toGamma = (value: number): number => (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055);
const forward = (value: number): number => (value > EPSILON ? Math.cbrt(value) : (KAPPA * value + 16) / 116);
const backward = (value: number): number => (value ** 3 > EPSILON ? value ** 3 : (116 * value - 16) / KAPPA);
