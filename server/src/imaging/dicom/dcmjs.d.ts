/** The part of dcmjs (which ships no types) that this project uses. */
declare module 'dcmjs' {
  interface Stream {
    readonly offset: number;
    readonly size: number;
  }

  interface ReadOptions {
    ignoreErrors?: boolean;
    untilTag?: string | null;
    includeUntilTagValue?: boolean;
    stopOnGreaterTag?: boolean;
  }

  interface DcmjsElement {
    vr?: string;
    Value?: unknown;
    _rawValue?: unknown;
  }

  type DcmjsDataset = Record<string, DcmjsElement>;

  interface Logger {
    setLevel(level: 'silent' | 'warn', persist?: boolean): void;
    getLogger(name: string): Logger;
  }

  export const log: Logger;
  export const data: {
    ReadBufferStream: new (
      buffer: ArrayBufferLike,
      littleEndian: boolean | null,
      options: { start: number; stop: number; noCopy: boolean },
    ) => Stream;
    DicomMessage: {
      /** parses elements from the stream's offset on; with `untilTag` the stream then stands behind that tag */
      _read(stream: Stream, transferSyntaxUid: string, options: ReadOptions): DcmjsDataset;
    };
    DicomDict: new (meta: DcmjsDataset) => { dict: DcmjsDataset; write(options?: object): ArrayBuffer };
    DicomMetaDictionary: {
      denaturalizeDataset(dataset: Record<string, unknown>): DcmjsDataset;
    };
  };
}
