import { readTensor, UserError, type ResolvedModel } from '@medsam2/models';
import type { GraphRunner, HostTensors } from '../engine/graph-runner.js';
import { Segmenter } from '../engine/segmenter.js';
import { autoOrder, defaultThreads, inspectMachine, type DeviceChoice, type Machine } from './devices.js';
import type { Device, LoadRequest } from './protocol.js';
import { WorkerRunner } from './worker-runner.js';

export interface OpenModelOptions {
  readonly device: DeviceChoice;
  /** CPU threads of one graph run; default: what the machine has, at most 8 */
  readonly threads?: number;
  /** bytes of slice features kept in memory; default 768 MiB */
  readonly featureBudget?: number;
  /** told why a device was passed over */
  readonly log?: (line: string) => void;
  readonly machine?: Machine;
  /** stands between the engine and the worker, e.g. to count what is done */
  readonly through?: (graphs: GraphRunner) => GraphRunner;
}

/** What `openModel` needs of a model; `resolveModel` gives it. */
export type RunnableModel = Pick<ResolvedModel, 'architecture' | 'checkpoint' | 'graphPaths'>;

export interface OpenModel {
  readonly segmenter: Segmenter;
  readonly device: Device;
  readonly threads: number;
}

/** With the weights, the runtime and a 300-slice volume this stays under 2 GiB in all (docs/performance.md). */
export const defaultFeatureBudget = 768 * 2 ** 20;
/** A GPU encodes several slices in hardly more time than one. */
const gpuEncodeBatch = 8;

/**
 * Load a model in a worker on the first device that takes it.
 * @throws UserError `device-unusable` when none does
 */
export async function openModel(model: RunnableModel, options: OpenModelOptions): Promise<OpenModel> {
  const machine = options.machine ?? inspectMachine();
  const threads = options.threads ?? defaultThreads(machine);
  const { device: choice } = options;
  const candidates = choice.kind === 'auto' ? autoOrder(machine) : [choice.kind];
  const deviceIndex = choice.kind === 'auto' ? 0 : choice.index;
  const { host, load } = await describeModel(model);
  const reasons: string[] = [];
  for (const device of candidates) {
    try {
      const request = { ...load, device, deviceIndex, threads };
      const runner = await WorkerRunner.start(model.architecture, host, request);
      const segmenter = new Segmenter(options.through?.(runner) ?? runner, {
        featureBudget: options.featureBudget ?? defaultFeatureBudget,
        encodeBatch: device === 'cpu' ? 1 : gpuEncodeBatch,
      });
      return { segmenter, device, threads };
    } catch (error) {
      if (!(error instanceof UserError) || candidates.length === 1) throw error;
      reasons.push(error.message);
      options.log?.(`${error.message} Trying the next device.`);
    }
  }
  throw new UserError(
    'device-unusable',
    `No device can run the model: ${reasons.join(' ')}`,
    'Run medsam2 models verify, and install the program again if the model is sound.',
  );
}

/** What a worker and the predictor need of a model, before a device is chosen. */
export async function describeModel(
  model: RunnableModel,
): Promise<{ host: HostTensors; load: Omit<LoadRequest, 'device' | 'deviceIndex' | 'threads'> }> {
  const tensor = (key: string) => readTensor(model.checkpoint, key);
  const ageRows = await tensor('maskmem_tpos_enc');
  const host: HostTensors = {
    ageRows,
    noObjectPointer: await tensor('no_obj_ptr'),
    maskDownsampleWeight: await tensor('mask_downsample.weight'),
    maskDownsampleBias: await tensor('mask_downsample.bias'),
    pointerPositionWeight: await tensor('obj_ptr_tpos_proj.weight'),
    pointerPositionBias: await tensor('obj_ptr_tpos_proj.bias'),
  };
  const load = {
    graphPaths: model.graphPaths,
    sizes: model.architecture,
    noMemoryEmbedding: await tensor('no_mem_embed'),
    ageRows,
  };
  return { host, load };
}
