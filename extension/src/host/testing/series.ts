/** Series of made-up metadata for tests, through the same code as those of the viewer. */
import { seriesOf, type Series } from '../series.js';
import type { CornerstoneCore } from '../types/cornerstone.js';
import type { HostDisplaySet } from '../types/ohif.js';

export interface TestSeries {
  /** z of each slice, in the viewer's order */
  readonly depths: readonly number[];
  readonly rows?: number;
  readonly columns?: number;
  /** frames of one instance instead of instances */
  readonly isMultiFrame?: boolean;
  readonly modality?: string;
}

export function displaySetOf({ depths, isMultiFrame = false, modality = 'CT' }: TestSeries): HostDisplaySet {
  const uids = depths.map((_, index) => (isMultiFrame ? '1.2.1' : `1.2.${index + 1}`));
  return {
    displaySetInstanceUID: 'set',
    StudyInstanceUID: '1.1',
    SeriesInstanceUID: '1.2',
    Modality: modality,
    imageIds: uids.map((uid, index) => `wadors:/instances/${uid}/frames/${isMultiFrame ? index + 1 : 1}`),
    instances: [...new Set(uids)].map((SOPInstanceUID) => ({
      SOPInstanceUID,
      ...(isMultiFrame ? { NumberOfFrames: depths.length } : {}),
    })),
  };
}

/** Only what `seriesOf` reads of the host: metadata. */
export function metadataOf(series: TestSeries): Pick<CornerstoneCore, 'metaData'> {
  const { depths, rows = 100, columns = 120 } = series;
  const { imageIds = [] } = displaySetOf(series);
  return {
    metaData: {
      get(module, imageId) {
        if (module === 'instance') return { SOPInstanceUID: /instances\/([\d.]+)\//.exec(imageId)?.[1] };
        return {
          rows,
          columns,
          rowCosines: [1, 0, 0],
          columnCosines: [0, 1, 0],
          rowPixelSpacing: 2,
          columnPixelSpacing: 2,
          imagePositionPatient: [-10, -20, depths[imageIds.indexOf(imageId)]],
        };
      },
    },
  };
}

export function testSeries(options: TestSeries): Series {
  const series = seriesOf(displaySetOf(options), metadataOf(options));
  if ('reason' in series) throw new Error(series.reason as unknown as string);
  return series;
}
