import type { GraphName } from '@medsam2/models';
import type { DecodeOutput, TensorHandle } from '../engine/graph-runner.js';

/** Where the graphs run. */
export type Device = 'cpu' | 'cuda' | 'webgpu' | 'coreml' | 'dml';

/** What a worker needs to know to run one model. Sizes come from the architecture, never from code. */
export interface LoadRequest {
  readonly graphPaths: Readonly<Record<GraphName, string>>;
  readonly device: Device;
  readonly deviceIndex: number;
  /** threads of one graph run on the CPU */
  readonly threads: number;
  readonly sizes: {
    readonly imageSize: number;
    readonly stride: number;
    readonly hiddenDim: number;
    readonly memoryDim: number;
    readonly maskSize: number;
    readonly highResChannels: readonly [number, number];
    readonly memoryMaskScale: number;
    readonly memoryMaskBias: number;
    readonly pixelMean: readonly [number, number, number];
    readonly pixelStd: readonly [number, number, number];
  };
  /** [hiddenDim] */
  readonly noMemoryEmbedding: Float32Array;
  /** [memorySlots][memoryDim] */
  readonly ageRows: Float32Array;
}

export interface EncodeRequest {
  /** [S][S][channels] each */
  readonly images: readonly Uint8Array[];
  readonly channels: 1 | 3;
}

export interface AttendRequest {
  readonly features: number;
  /** [M][memoryDim][side][side] in one array */
  readonly memories: Float32Array;
  readonly ageRows: readonly number[];
  /** [P][hiddenDim] */
  readonly pointers: Float32Array;
  /** [P][memoryDim] */
  readonly pointerPositions: Float32Array;
}

export interface DecodeRequest {
  readonly features: number;
  readonly base: 'raw' | 'initial' | number;
  readonly coords: Float32Array;
  readonly labels: Float32Array;
  readonly maskInput?: Float32Array;
}

export interface EncodeMemoryRequest {
  readonly features: number;
  readonly logits: Float32Array;
  readonly mode: 'binary' | 'soft';
  readonly presence: number;
}

/** Requests and their answers, by name. */
export interface Operations {
  load: { request: LoadRequest; response: null };
  encode: { request: EncodeRequest; response: TensorHandle[] };
  attend: { request: AttendRequest; response: TensorHandle };
  decode: { request: DecodeRequest; response: DecodeOutput };
  encodeMemory: { request: EncodeMemoryRequest; response: Float32Array };
  release: { request: number; response: null };
  /** how many handles are held */
  kept: { request: null; response: number };
  close: { request: null; response: null };
}

export type OperationName = keyof Operations;

export type WorkerRequest = {
  [Name in OperationName]: {
    readonly id: number;
    readonly operation: Name;
    readonly request: Operations[Name]['request'];
  };
}[OperationName];

export type WorkerResponse =
  | { readonly id: number; readonly ok: true; readonly response: Operations[OperationName]['response'] }
  | { readonly id: number; readonly ok: false; readonly message: string };
