import { UserError } from '@medsam2/models';
import type { Pacs, PacsCall } from '../../dicomweb/types.js';
import type { DicomDataset } from '../../imaging/dicom/index.js';
import { sliceElements, writeInstance } from '../../imaging/dicom/testing/write-dicom.js';
import type { Volume } from '../../imaging/volume.js';

interface StoredSeries {
  readonly metadata: DicomDataset[];
  readonly instances: readonly { readonly uid: string; readonly bytes: Uint8Array }[];
}

/** A PACS in this process with whole DICOM objects, for what sessions ask of one. */
export class MemoryPacs implements Pacs {
  readonly writable = true;
  /** who may see anything; everybody unless a test says otherwise */
  mayRead: (authorization: string | undefined) => boolean = () => true;
  /** segmentations that the study has */
  segmentations: DicomDataset[] = [];
  /** called before each instance is sent */
  beforeInstance: () => Promise<void> = () => Promise.resolve();
  /** requests for pixels */
  loads = 0;
  private readonly series = new Map<string, StoredSeries>();

  constructor(readonly name = 'main') {}

  /** @returns where it can be asked for */
  add(volume: Volume, number: number): { study: string; series: string } {
    const elements = sliceElements(volume, number);
    const metadata = elements.map(({ '7FE00010': _pixels, ...rest }) => rest as DicomDataset);
    const text = (tag: string) => String(elements[0][tag]?.Value[0]);
    const instances = elements.map((each) => ({ uid: String(each['00080018']?.Value[0]), bytes: writeInstance(each) }));
    const address = { study: text('0020000D'), series: text('0020000E') };
    this.series.set(address.series, { metadata, instances });
    return address;
  }

  /** Any object, to be asked for by itself. */
  addObject(series: string, uid: string, bytes: Uint8Array): void {
    this.series.set(series, { metadata: [], instances: [{ uid, bytes }] });
  }

  seriesMetadata(_study: string, series: string, call?: PacsCall): Promise<DicomDataset[]> {
    return Promise.resolve().then(() => this.find(series, call).metadata);
  }

  async *seriesInstances(_study: string, series: string, call?: PacsCall): AsyncGenerator<Uint8Array> {
    const { instances } = this.find(series, call);
    this.loads++;
    for (const { bytes } of instances) {
      await this.beforeInstance();
      call?.signal?.throwIfAborted();
      yield bytes;
    }
  }

  instance(_study: string, series: string, uid: string, call?: PacsCall): Promise<Uint8Array> {
    return Promise.resolve().then(() => {
      const found = this.find(series, call).instances.find((instance) => instance.uid === uid);
      if (found === undefined) throw new UserError('pacs-not-found', 'It is not there.', 'Ask for something else.');
      return found.bytes;
    });
  }

  searchSeries(): Promise<DicomDataset[]> {
    return Promise.resolve(this.segmentations);
  }

  searchStudies(): Promise<DicomDataset[]> {
    throw new Error('sessions do not ask this');
  }

  searchInstances(): Promise<DicomDataset[]> {
    throw new Error('sessions do not ask this');
  }

  store(): never {
    throw new Error('sessions do not ask this');
  }

  check(): never {
    throw new Error('sessions do not ask this');
  }

  private find(series: string, call: PacsCall | undefined): StoredSeries {
    if (!this.mayRead(call?.authorization)) {
      throw new UserError('pacs-forbidden', 'The PACS refuses it.', 'Ask for access.');
    }
    const found = this.series.get(series);
    if (found === undefined) throw new UserError('pacs-not-found', 'It is not there.', 'Ask for something else.');
    return found;
  }
}
