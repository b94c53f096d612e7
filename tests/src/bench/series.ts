import { makePhantom, sliceElements, writeInstance, type Phantom } from '@medsam2/server/testing';

const root = '1.2.826.0.1.3680043.10.1561.777';

export interface BenchSeries {
  readonly phantom: Phantom;
  readonly source: { readonly study: string; readonly series: string };
  /** the tight box of the object on its largest slice, and that slice */
  readonly slice: number;
  readonly drawing: { readonly kind: 'box'; readonly place: { readonly slice: number }; readonly box: number[] };
  readonly files: () => Uint8Array[];
}

/** A CT-like series with one bright ellipsoid; another seed gives another patient. */
export function benchSeries(seed: number, slices: number, size: number): BenchSeries {
  const phantom = makePhantom({ columns: size, rows: size, slices, objects: 1, seed, noise: 8 });
  const [{ centre, radii }] = phantom.ellipsoids;
  const slice = Math.round(centre[2]);
  const box = [
    Math.floor(centre[0] - radii[0]),
    Math.floor(centre[1] - radii[1]),
    Math.ceil(centre[0] + radii[0]),
    Math.ceil(centre[1] + radii[1]),
  ];
  const source = { study: `${root}.${seed}.1`, series: `${root}.${seed}.2` };
  const files = (): Uint8Array[] =>
    sliceElements(phantom.volume, seed).map((elements) =>
      writeInstance({
        ...elements,
        '00080018': { vr: 'UI', Value: [`${root}.${seed}.3.${String(elements['00200013']?.Value[0])}`] },
        '00100020': { vr: 'LO', Value: [`bench-${seed}`] },
        '0020000D': { vr: 'UI', Value: [source.study] },
        '0020000E': { vr: 'UI', Value: [source.series] },
        '00200052': { vr: 'UI', Value: [`${root}.${seed}.4`] },
      }),
    );
  return { phantom, source, slice, drawing: { kind: 'box', place: { slice }, box }, files };
}
