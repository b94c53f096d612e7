import { makeFolders } from '../files/folders.js';
import { homedir, userInfo } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { shippedGraphs } from '../bind/architectures.js';
import { UserError } from '../errors.js';
import { explain } from '../files/errors.js';
import { shippedManifests, shippedModels } from './known.js';
import { modelName } from './schemas.js';

/** Everything the registry needs from outside; {@link registrySettings} fills it from the environment. */
export interface RegistrySettings {
  /** where models are installed, one folder each */
  readonly directory: string;
  /** folders of architectures; an earlier one hides a later one's of the same name */
  readonly graphFolders: readonly string[];
  readonly manifestFolder: string;
  /** folders of models that come with the program (`model.json`, `weights.safetensors`) */
  readonly embeddedFolders: readonly string[];
  readonly fetch: typeof fetch;
  readonly now: () => Date;
  /** recorded with an acceptance of terms */
  readonly user: string;
  /** plain http to hosts other than this machine */
  readonly allowInsecure: boolean;
  /** a download that gives no byte for this long counts as dropped */
  readonly stallSeconds: number;
  /** how often a dropped download is resumed by itself */
  readonly retries: number;
}

/**
 * The settings of an environment: `MEDSAM2_MODELS_DIR` (default `$XDG_DATA_HOME/medsam2/models`, that is
 * `~/.local/share/medsam2/models`), `MEDSAM2_GRAPHS_DIR` (further folders of architectures).
 */
export function registrySettings(
  env: Readonly<Record<string, string | undefined>>,
  overrides: Partial<RegistrySettings> = {},
): RegistrySettings {
  const dataHome = env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local', 'share');
  const more = (env.MEDSAM2_GRAPHS_DIR ?? '').split(delimiter).filter((folder) => folder !== '');
  return {
    directory: resolve(env.MEDSAM2_MODELS_DIR || join(dataHome, 'medsam2', 'models')),
    graphFolders: [shippedGraphs(), ...more],
    manifestFolder: shippedManifests(),
    embeddedFolders: shippedModels(),
    fetch,
    now: () => new Date(),
    user: currentUser(),
    allowInsecure: false,
    stallSeconds: 60,
    retries: 3,
    ...overrides,
  };
}

function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`; // containers run as users without a name
  }
}

/**
 * @returns the name, which is then safe as a folder name
 * @throws UserError `model-name`
 */
export function requireName(name: string): string {
  if (modelName.safeParse(name).success) return name;
  throw new UserError(
    'model-name',
    `${JSON.stringify(name.slice(0, 80))} is not a model name.`,
    'Use 1 to 63 lower-case letters, digits, dots, hyphens and underscores, beginning with a letter or digit.',
  );
}

/** Folders inside the models directory. Names that begin with a dot cannot be models. */
export function paths({ directory }: Pick<RegistrySettings, 'directory'>, name: string) {
  requireName(name);
  return {
    model: join(directory, name),
    /** where a model is put together before it is renamed into place */
    staging: join(directory, '.staging', name),
    /** the model that is being replaced, until its successor is in place */
    replaced: join(directory, '.replaced', name),
    partial: join(directory, '.downloads', `${name}.partial`),
    partialState: join(directory, '.downloads', `${name}.json`),
    lock: join(directory, '.locks', name),
  };
}

export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeFolders(folder);
  } catch (error) {
    throw explain(error, folder);
  }
}
