/**
 * Every change of size in the project happens here: images (Pillow's bicubic), logits (plain bilinear) and masks
 * (antialiased bilinear). Arrays are [row][column], or [row][column][channel] where said; pixel centres on integers.
 */

/** One axis of a separable resize: output `i` is the sum of `weights[i * taps + j] * input[first[i] + j]`. */
interface Axis<W> {
  readonly taps: number;
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: W;
}

/** Pillow's bicubic kernel, a = -0.5. */
function cubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
  return 0;
}

/** Bits after the binary point of Pillow's integer weights (32 - 8 - 2). */
const fractionBits = 22;

function bicubicAxis(input: number, output: number): Axis<Int32Array> {
  const scale = input / output;
  const stretch = Math.max(scale, 1);
  const support = 2 * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(output);
  const count = new Int32Array(output);
  const weights = new Int32Array(output * taps);
  const real = new Float64Array(taps);
  for (let i = 0; i < output; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(Math.trunc(centre - support + 0.5), 0);
    const high = Math.min(Math.trunc(centre + support + 0.5), input);
    let sum = 0;
    for (let j = 0; j < high - low; j++) sum += real[j] = cubic((j + low - centre + 0.5) / stretch);
    for (let j = 0; j < high - low; j++) {
      const weight = (real[j] / sum) * 2 ** fractionBits;
      weights[i * taps + j] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    first[i] = low;
    count[i] = high - low;
  }
  return { taps, first, count, weights };
}

function clip8(value: number): number {
  const v = value >> fractionBits;
  return v < 0 ? 0 : v > 255 ? 255 : v;
}

const half = 1 << (fractionBits - 1);

/**
 * Pillow's `Image.resize` with its default bicubic filter, equal to the bit (specification section 3.2).
 *
 * Pillow 13 begins with the rows where the height shrinks much more than the width; earlier versions always begin with
 * the columns. The intermediate image is rounded to 8 bits, so that the two differ by one grey level in some pixels.
 *
 * @param image [rows][columns][channels], 0..255
 * @returns [outRows][outColumns][channels]; the input itself when the size does not change
 */
export function resizeBicubic(
  image: Uint8Array,
  rows: number,
  columns: number,
  channels: number,
  outRows: number,
  outColumns: number,
): Uint8Array {
  const rowsFirst = rows - outRows > 2 * Math.max(columns - outColumns, 0);
  if (rowsFirst) {
    const narrow = bicubicRows(image, rows, columns * channels, outRows);
    return bicubicColumns(narrow, outRows, columns, channels, outColumns);
  }
  const narrow = bicubicColumns(image, rows, columns, channels, outColumns);
  return bicubicRows(narrow, rows, outColumns * channels, outRows);
}

/** [rows][columns][channels] -> [rows][outColumns][channels] */
function bicubicColumns(
  image: Uint8Array,
  rows: number,
  columns: number,
  channels: number,
  outColumns: number,
): Uint8Array {
  if (outColumns === columns) return image;
  const axis = bicubicAxis(columns, outColumns);
  const output = new Uint8Array(rows * outColumns * channels);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < outColumns; x++) {
      const n = axis.count[x];
      for (let c = 0; c < channels; c++) {
        let sum = half;
        let at = (y * columns + axis.first[x]) * channels + c;
        for (let j = 0, w = x * axis.taps; j < n; j++, w++, at += channels) sum += axis.weights[w] * image[at];
        output[(y * outColumns + x) * channels + c] = clip8(sum);
      }
    }
  }
  return output;
}

/** [rows][stride] -> [outRows][stride] */
function bicubicRows(image: Uint8Array, rows: number, stride: number, outRows: number): Uint8Array {
  if (outRows === rows) return image;
  const axis = bicubicAxis(rows, outRows);
  const output = new Uint8Array(outRows * stride);
  const sums = new Int32Array(stride);
  for (let y = 0; y < outRows; y++) {
    sums.fill(half);
    for (let j = 0; j < axis.count[y]; j++) {
      const weight = axis.weights[y * axis.taps + j];
      const from = (axis.first[y] + j) * stride;
      for (let i = 0; i < stride; i++) sums[i] += weight * image[from + i];
    }
    const to = y * stride;
    for (let i = 0; i < stride; i++) output[to + i] = clip8(sums[i]);
  }
  return output;
}

function bilinearAxis(input: number, output: number): { low: Int32Array; high: Int32Array; fraction: Float32Array } {
  const low = new Int32Array(output);
  const high = new Int32Array(output);
  const fraction = new Float32Array(output);
  const scale = Math.fround(input / output);
  for (let i = 0; i < output; i++) {
    // One rounding, as a fused multiply-add: what torch's CPU and CUDA kernels execute.
    const source = Math.max(Math.fround(scale * (i + 0.5) - 0.5), 0);
    low[i] = Math.min(Math.trunc(source), input - 1);
    high[i] = Math.min(low[i] + 1, input - 1);
    fraction[i] = source - low[i];
  }
  return { low, high, fraction };
}

/**
 * Plain bilinear interpolation with half-pixel centres (torch `interpolate`, align_corners False, no antialias):
 * how low-resolution logits become masks (specification section 3.5 step 2).
 *
 * @param input [rows][columns]
 * @returns [outRows][outColumns]
 */
export function resizeBilinear(
  input: Float32Array,
  rows: number,
  columns: number,
  outRows: number,
  outColumns: number,
): Float32Array {
  const output = new Float32Array(outRows * outColumns);
  const ax = bilinearAxis(columns, outColumns);
  const ay = bilinearAxis(rows, outRows);
  for (let y = 0; y < outRows; y++) {
    const top = ay.low[y] * columns;
    const bottom = ay.high[y] * columns;
    const fy = ay.fraction[y];
    const gy = 1 - fy;
    const to = y * outColumns;
    for (let x = 0; x < outColumns; x++) {
      const l = ax.low[x];
      const h = ax.high[x];
      const fx = ax.fraction[x];
      const gx = 1 - fx;
      output[to + x] =
        gy * (gx * input[top + l] + fx * input[top + h]) + fy * (gx * input[bottom + l] + fx * input[bottom + h]);
    }
  }
  return output;
}

/** In float32, rounded where torch rounds: at sizes that do not divide evenly, exact weights would differ by 1e-5. */
function antialiasAxis(input: number, output: number): Axis<Float32Array> {
  const { fround } = Math;
  const scale = fround(input / output);
  const radius = Math.max(scale, 1);
  const inverse = fround(1 / radius);
  const taps = Math.ceil(radius) * 2 + 1;
  const first = new Int32Array(output);
  const count = new Int32Array(output);
  const weights = new Float32Array(output * taps);
  for (let i = 0; i < output; i++) {
    const centre = fround(scale * (i + 0.5));
    const low = Math.max(Math.trunc(fround(centre - radius) + 0.5), 0);
    const high = Math.min(Math.trunc(fround(centre + radius) + 0.5), input);
    let sum = 0;
    for (let j = 0; j < high - low; j++) {
      const distance = fround((fround(j + low - centre) + 0.5) * inverse);
      const weight = Math.max(0, fround(1 - Math.abs(distance)));
      weights[i * taps + j] = weight;
      sum = fround(sum + weight);
    }
    for (let j = 0; j < high - low; j++) weights[i * taps + j] /= sum;
    first[i] = low;
    count[i] = high - low;
  }
  return { taps, first, count, weights };
}

/**
 * Antialiased bilinear resize (torch `interpolate(mode='bilinear', antialias=True)`): how masks given by a user or
 * by another slice reach the model (specification section 3.4).
 *
 * @param input [rows][columns]
 * @returns [outRows][outColumns]
 */
export function resizeAntialiased(
  input: ArrayLike<number>,
  rows: number,
  columns: number,
  outRows: number,
  outColumns: number,
): Float32Array {
  const ax = antialiasAxis(columns, outColumns);
  const ay = antialiasAxis(rows, outRows);
  const narrow = new Float32Array(rows * outColumns);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < outColumns; x++) {
      let sum = 0;
      for (let j = 0; j < ax.count[x]; j++) sum += ax.weights[x * ax.taps + j] * input[y * columns + ax.first[x] + j];
      narrow[y * outColumns + x] = sum;
    }
  }
  const output = new Float32Array(outRows * outColumns);
  for (let y = 0; y < outRows; y++) {
    for (let j = 0; j < ay.count[y]; j++) {
      const weight = ay.weights[y * ay.taps + j];
      const from = (ay.first[y] + j) * outColumns;
      const to = y * outColumns;
      for (let x = 0; x < outColumns; x++) output[to + x] += weight * narrow[from + x];
    }
  }
  return output;
}
