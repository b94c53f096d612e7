import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parsePart10, readDicomFolder } from '../../imaging/dicom/index.js';
import { sliceElements } from '../../imaging/dicom/testing/write-dicom.js';
import { makePhantom, type PhantomOptions } from '../../imaging/testing/phantom.js';
import type { SegSource } from '../types.js';

type Dataset = ReturnType<typeof parsePart10>['dataset'];

const filesUnder = (path: string): string[] =>
  statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => filesUnder(join(path, name))) : [path];

/** What a segmentation needs to know of the first volume of a folder (or of the one with `slices` slices). */
export async function folderSource(path: string, slices?: number): Promise<SegSource> {
  const { candidates } = await readDicomFolder(path);
  const volume = candidates.find(({ geometry }) => slices === undefined || geometry.slices === slices);
  if (!volume) throw new Error(`${path} holds no such volume`);
  const attributes = new Map<string, Dataset>();
  for (const file of filesUnder(path)) {
    const { dataset } = parsePart10(readFileSync(file));
    const [uid] = dataset['00080018']?.Value as string[];
    attributes.set(uid, dataset);
  }
  const { kind, modality, geometry, sliceSources, findings } = volume;
  return { kind, modality, geometry, sliceSources, findings, attributes };
}

/** A CT phantom as classic single-frame images, without files; `change` edits the elements of a slice. */
export function phantomSource(
  options: PhantomOptions & { readonly name?: number } = {},
  change: (elements: Record<string, unknown>, slice: number) => void = () => undefined,
): SegSource {
  const { volume } = makePhantom(options);
  const slices = sliceElements(volume, options.name ?? 77).map((elements, slice) => {
    change(elements, slice);
    return elements;
  });
  const value = (dataset: Dataset, tag: string): unknown[] => (dataset[tag]?.Value ?? []) as unknown[];
  return {
    kind: 'stack',
    modality: 'CT',
    geometry: volume.geometry,
    findings: [],
    sliceSources: slices.map((dataset) => ({
      sopInstanceUid: String(value(dataset, '00080018')[0]),
      sopClassUid: String(value(dataset, '00080016')[0]),
      imagePosition: value(dataset, '00200032').map(String) as [string, string, string],
    })),
    attributes: new Map(slices.map((dataset) => [String(value(dataset, '00080018')[0]), dataset])),
  };
}
