import { listModels, resolveModel, UserError, type RegistrySettings, type ResolvedModel } from '@medsam2/models';
import type { ModelInfo } from '@medsam2/protocol';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

interface Known {
  readonly stamp: string;
  readonly model: Promise<ResolvedModel>;
}

/** Models by name, as requests may name them; checked once, and again when they are installed anew. */
export class ModelCatalogue {
  private readonly known = new Map<string, Known>();

  /** @param preferred name of the model of requests that name none; default: as `medsam2 segment` chooses */
  constructor(
    private readonly settings: RegistrySettings,
    private readonly preferred?: string,
  ) {}

  /**
   * A model by the name that a request gives. A path is no name here, and where models lie is not told.
   * @throws UserError `model-not-installed`, and for the default those of `resolveModel`
   */
  async resolve(name?: string): Promise<ResolvedModel> {
    const wanted = name ?? this.preferred;
    if (wanted === undefined) return this.checked('');
    if ((await this.usable()).includes(wanted)) return this.checked(wanted);
    throw new UserError(
      'model-not-installed',
      'There is no such model on this server.',
      'GET /api/v1/models lists those that are there.',
    );
  }

  /** @param loaded models that are in memory now */
  async list(loaded: readonly { readonly sha256: string; readonly device: string }[]): Promise<ModelInfo[]> {
    const names = await this.usable();
    const preferred = (await this.resolve().catch(() => undefined))?.name;
    const models = await Promise.all(names.map((name) => this.checked(name).catch(() => undefined)));
    return models.flatMap((model) => {
      if (model === undefined) return [];
      const open = loaded.find(({ sha256 }) => sha256 === model.weightsSha256);
      const { name, licence, demonstration, view, weightsSha256, manifest } = model;
      return [
        {
          name,
          title: manifest.title,
          isDefault: name === preferred,
          demonstration,
          licence: { spdx: licence.spdx, restricted: licence.restricted, terms: licence.terms },
          view,
          sha256: weightsSha256,
          loaded: open !== undefined,
          ...(open === undefined ? {} : { device: open.device }),
        },
      ];
    });
  }

  private async usable(): Promise<string[]> {
    const listed = await listModels(this.settings);
    return listed.filter(({ state }) => state === 'installed' || state === 'built-in').map(({ name }) => name);
  }

  /** Checking reads the graphs' files, which takes longer than an answer may. */
  private async checked(name: string): Promise<ResolvedModel> {
    const known = this.known.get(name);
    if (known !== undefined && known.stamp === (await this.stampOf(known))) return known.model;
    const model = resolveModel(this.settings, name === '' ? undefined : name);
    const entry = { stamp: '', model };
    try {
      this.known.set(name, { stamp: await this.stampOf(entry), model });
      return await model;
    } catch (error) {
      this.known.delete(name);
      throw forUsers(error);
    }
  }

  /** Changes when a model is installed anew; for the default also when another one becomes it. */
  private async stampOf({ model }: Pick<Known, 'model'>): Promise<string> {
    const { directory } = await model;
    const times = [join(directory, 'manifest.json'), this.settings.directory].map(async (path) => {
      const { mtimeMs, ino } = await stat(path);
      return `${ino}:${mtimeMs}`;
    });
    return (await Promise.all(times).catch(() => [`${Math.random()}`])).join(' ');
  }
}

/** The registry's errors are for the operator and name paths; users are told what they can do. */
function forUsers(error: unknown): unknown {
  if (!(error instanceof UserError)) return error;
  const cause = { cause: error };
  if (error.code === 'no-model')
    return new UserError('no-model', 'No model is installed on this server.', 'The operator installs one.', cause);
  if (error.code === 'model-choice') {
    const remedy = 'Name one in the request, or ask the operator to set `models.default`.';
    return new UserError('model-choice', 'Several models are installed and none is the default.', remedy, cause);
  }
  const remedy = 'The operator finds out why with medsam2 doctor and medsam2 models verify.';
  return new UserError('model-broken', 'The model cannot be used.', remedy, cause);
}
