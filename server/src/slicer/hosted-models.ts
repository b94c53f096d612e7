import { importModel, listModels, sha256OfFile, UserError, type RegistrySettings } from '@medsam2/models';
import type { OpenStack, SegmenterLibrary, VolumeSegmenter } from '@medsam2/slicer-bridge';
import type { ModelHost } from '../sessions/models.js';
import { volumeSegmenter } from './volume-segmenter.js';

export interface HostedModelsOptions {
  readonly host: ModelHost;
  readonly registry: RegistrySettings;
  /** clients may upload weights; the default must then be chosen by name, or an upload could become it */
  readonly uploads: boolean;
}

/** The plug-in's own default (specification section 5). */
const usualModel = 'medsam2-latest';
const uploadPrefix = 'upload-';

/** The server's models as the bridge asks for them: loaded when first used, kept while a client's volume is open on them. */
export class HostedModels implements SegmenterLibrary {
  readonly add?: (file: string) => Promise<string>;

  constructor(private readonly options: HostedModelsOptions) {
    if (options.uploads) this.add = (file) => this.install(file);
  }

  /** Those that the operator installed; what a client uploaded is that client's alone. */
  async names(): Promise<string[]> {
    return (await this.installed()).filter((name) => !name.startsWith(uploadPrefix));
  }

  private async installed(): Promise<string[]> {
    const listed = await listModels(this.options.registry);
    return listed.filter(({ state }) => state === 'installed' || state === 'built-in').map(({ name }) => name);
  }

  /** @throws UserError as `resolveModel`; opening a stack also as `openModel` */
  async get(wanted?: string): Promise<VolumeSegmenter> {
    const { host } = this.options;
    const { name, view, following } = await host.describe(wanted ?? (await this.defaultName()));
    return {
      model: name,
      open: async (stack): Promise<OpenStack> => {
        const lease = await host.acquire(name);
        const opened = volumeSegmenter(lease.segmenter, { view, following }).open(stack);
        return {
          ...opened,
          close: () => {
            opened.close();
            lease.release();
          },
        };
      },
    };
  }

  /** undefined: what the operator chose, or the only one there is */
  private async defaultName(): Promise<string | undefined> {
    try {
      await this.options.host.describe();
      return undefined;
    } catch (error) {
      const isChoice = error instanceof UserError && error.code === 'model-choice';
      if (isChoice && (await this.names()).includes(usualModel)) return usualModel;
      throw error;
    }
  }

  /** The name says what it is: equal weights are installed once. */
  private async install(file: string): Promise<string> {
    const { registry } = this.options;
    const name = `${uploadPrefix}${(await sha256OfFile(file)).slice(0, 16)}`;
    if (!(await this.installed()).includes(name)) {
      await importModel(registry, file, { name, placement: 'copy' });
    }
    return name;
  }
}
