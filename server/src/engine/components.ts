/**
 * Connected components over runs of foreground pixels, with union-find: memory grows with the number of runs,
 * not with the number of voxels, so that a 300-slice volume needs no label array of its own size.
 */

/** A [slice][row][column] grid; 2-D images are grids of one slice. */
export interface GridSize {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
}

/** Components of a grid under full connectivity (8 neighbours in a slice, 26 in a volume). */
export interface Components {
  /** number of components */
  readonly count: number;
  /** voxels per component; components are numbered from 0 by their first voxel in raster order */
  readonly sizes: Uint32Array;
  /** flat index of each run's first voxel, ascending */
  readonly runStart: Uint32Array;
  /** flat index one past each run's last voxel; a run never leaves its row */
  readonly runEnd: Uint32Array;
  /** component of each run */
  readonly runComponent: Uint32Array;
}

/**
 * Finds the connected components of a grid: 8-connectivity within one slice, 26-connectivity over slices
 * (`skimage.measure.label` with its default connectivity, which the reference uses).
 *
 * @param isForeground whether the voxel at a flat index ([slice][row][column] order) belongs to the foreground
 */
export function connectedComponents(isForeground: (index: number) => boolean, size: GridSize): Components {
  const { rowFirstRun, runStart, runEnd } = findRuns(isForeground, size);
  const parent = linkRuns(rowFirstRun, runStart, runEnd, size);

  const runComponent = new Uint32Array(runStart.length);
  const sizes: number[] = [];
  for (let run = 0; run < runStart.length; run++) {
    const root = findRoot(parent, run);
    // A root is the first run of its component, so it is met before the others.
    if (root === run) runComponent[run] = sizes.push(0) - 1;
    else runComponent[run] = runComponent[root];
    sizes[runComponent[run]] += runEnd[run] - runStart[run];
  }
  return { count: sizes.length, sizes: Uint32Array.from(sizes), runStart, runEnd, runComponent };
}

/**
 * Keeps the largest 26-connected component of a volume; of equal ones, the first in raster order
 * (specification section 3.5, step 5: reference script for 3D CT).
 *
 * @param mask [slice][row][column], zero or not
 * @returns a new mask of the same shape, 0 or 1; all zero when the input is
 */
export function largestComponent3d(mask: Uint8Array, slices: number, rows: number, columns: number): Uint8Array {
  if (mask.length !== slices * rows * columns) {
    throw new RangeError(`mask has ${mask.length} voxels, ${slices}x${rows}x${columns} expected`);
  }
  const components = connectedComponents((index) => mask[index] !== 0, { slices, rows, columns });
  let largest = 0;
  for (let component = 1; component < components.count; component++) {
    if (components.sizes[component] > components.sizes[largest]) largest = component;
  }
  const kept = new Uint8Array(mask.length);
  for (let run = 0; run < components.runStart.length; run++) {
    if (components.runComponent[run] === largest) kept.fill(1, components.runStart[run], components.runEnd[run]);
  }
  return kept;
}

/**
 * Fills small holes of a square logit map: 8-connected components of `logit <= 0` with at most `maxArea` pixels
 * get `value` (specification section 3.5, step 1; the reference does this only where its CUDA extension runs).
 *
 * @param logits [row][column], size x size; not changed
 * @param maxArea pixels on this grid; 0 fills nothing
 * @param value the logit holes receive; the reference uses +0.1
 * @returns a new map, or `logits` itself when there was nothing to fill
 */
export function fillHoles2d(logits: Float32Array, size: number, maxArea: number, value = 0.1): Float32Array {
  if (logits.length !== size * size) {
    throw new RangeError(`logits have ${logits.length} pixels, ${size}x${size} expected`);
  }
  if (maxArea <= 0) return logits;
  const components = connectedComponents((index) => logits[index] <= 0, { slices: 1, rows: size, columns: size });
  let filled = logits;
  for (let run = 0; run < components.runStart.length; run++) {
    if (components.sizes[components.runComponent[run]] > maxArea) continue;
    if (filled === logits) filled = logits.slice();
    filled.fill(value, components.runStart[run], components.runEnd[run]);
  }
  return filled;
}

interface Runs {
  /** index of the first run of each row (slice * rows + row), and one closing entry */
  readonly rowFirstRun: Uint32Array;
  readonly runStart: Uint32Array;
  readonly runEnd: Uint32Array;
}

function findRuns(isForeground: (index: number) => boolean, { slices, rows, columns }: GridSize): Runs {
  const rowCount = slices * rows;
  const rowFirstRun = new Uint32Array(rowCount + 1);
  let capacity = 1024;
  let runStart = new Uint32Array(capacity);
  let runEnd = new Uint32Array(capacity);
  let runs = 0;
  for (let row = 0; row < rowCount; row++) {
    rowFirstRun[row] = runs;
    const rowEnd = (row + 1) * columns;
    for (let index = row * columns; index < rowEnd; index++) {
      if (!isForeground(index)) continue;
      const start = index;
      while (index < rowEnd && isForeground(index)) index++;
      if (runs === capacity) {
        capacity *= 2;
        runStart = grown(runStart, capacity);
        runEnd = grown(runEnd, capacity);
      }
      runStart[runs] = start;
      runEnd[runs++] = index;
    }
  }
  rowFirstRun[rowCount] = runs;
  return { rowFirstRun, runStart: runStart.slice(0, runs), runEnd: runEnd.slice(0, runs) };
}

function grown(array: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(capacity);
  larger.set(array);
  return larger;
}

/** Joins runs that touch, also diagonally, in the rows already passed: the row above, and three of the slice before. */
function linkRuns(rowFirstRun: Uint32Array, runStart: Uint32Array, runEnd: Uint32Array, size: GridSize): Uint32Array {
  const { slices, rows, columns } = size;
  const parent = Uint32Array.from(runStart, (_, run) => run);

  const linkRows = (row: number, other: number): void => {
    // Comparing columns, not flat indices: the rows lie a whole number of rows apart.
    const offset = (row - other) * columns;
    let b = rowFirstRun[other];
    for (let a = rowFirstRun[row]; a < rowFirstRun[row + 1]; a++) {
      const start = runStart[a] - offset;
      const end = runEnd[a] - offset;
      while (b < rowFirstRun[other + 1] && runEnd[b] < start) b++;
      for (let c = b; c < rowFirstRun[other + 1] && runStart[c] <= end; c++) unite(parent, a, c);
    }
  };

  for (let slice = 0; slice < slices; slice++) {
    for (let row = 0; row < rows; row++) {
      const here = slice * rows + row;
      if (row > 0) linkRows(here, here - 1);
      if (slice === 0) continue;
      if (row > 0) linkRows(here, here - rows - 1);
      linkRows(here, here - rows);
      if (row + 1 < rows) linkRows(here, here - rows + 1);
    }
  }
  return parent;
}

function findRoot(parent: Uint32Array, run: number): number {
  while (parent[run] !== run) {
    parent[run] = parent[parent[run]];
    run = parent[run];
  }
  return run;
}

function unite(parent: Uint32Array, a: number, b: number): void {
  const rootA = findRoot(parent, a);
  const rootB = findRoot(parent, b);
  // The earlier run stays the root: component numbers follow raster order.
  if (rootA < rootB) parent[rootB] = rootA;
  else parent[rootA] = rootB;
}
