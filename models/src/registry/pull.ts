import { findArchitecture } from '../bind/architectures.js';
import { UserError } from '../errors.js';
import { sha256OfFile } from '../files/hash.js';
import { discardPartial, download, type Progress } from './download.js';
import { exists, install, recover, type ManifestDraft } from './install.js';
import { readKnownModels } from './known.js';
import { withLock } from './lock.js';
import type { AvailableModel, Manifest } from './schemas.js';
import { makeFolder, paths, requireName, type RegistrySettings } from './settings.js';
import { acceptTerms } from './terms.js';
import { problemsOf } from './verify.js';

export interface PullOptions {
  /** names of models whose terms the operator accepts */
  readonly acceptTerms?: readonly string[];
  readonly onProgress?: Progress;
  readonly signal?: AbortSignal;
}

/**
 * Downloads a known model, checks it and installs it. An installed, undamaged model of the name is left as it is.
 *
 * @returns the manifest, and whether anything was installed now
 * @throws UserError `model-unknown`, `model-unsupported`, `terms-not-accepted`, `model-busy`, `download-…`,
 *   `download-wrong-hash` (the download is discarded), `checkpoint-…`, `disk-full`; the models directory then holds what it
 *   held before, and a partial download is kept for resuming
 */
export async function pullModel(
  settings: RegistrySettings,
  name: string,
  options: PullOptions = {},
): Promise<{ manifest: Manifest; installed: boolean }> {
  const known = await requireAvailable(settings, name);
  const architecture = await findArchitecture(settings.graphFolders, known.architecture);
  await makeFolder(settings.directory);
  return withLock(settings, name, async (requireHeld) => {
    await recover(settings, name);
    const where = paths(settings, name);
    if (await exists(where.model)) {
      const { problems, manifest } = await problemsOf(settings, where.model);
      if (manifest && problems.length === 0) return { manifest, installed: false };
    }
    const acceptance = acceptTerms(settings, name, known.licence, options.acceptTerms ?? []);
    const { url, bytes, sha256 } = known.source;
    const source = { url, bytes, verified: sha256 !== null };
    const announced = await download(settings, source, where, options.onProgress ?? (() => undefined), options.signal);
    try {
      await requireHash(where.partial, url, sha256 ?? announced);
      const draft: ManifestDraft = {
        name,
        title: known.title,
        architecture: architecture.architecture.name,
        view: known.view,
        origin: {
          kind: 'pull',
          from: url,
          date: settings.now().toISOString(),
          checked: sha256 ? 'known' : announced ? 'announced' : 'recorded',
        },
        licence: known.licence,
        acceptance,
        intendedUse: known.intendedUse,
        trainingData: known.trainingData,
        demonstration: known.demonstration,
      };
      const weights = { path: where.partial, placement: 'take' as const };
      const manifest = await install(settings, architecture, weights, draft, requireHeld);
      await discardPartial(where);
      return { manifest, installed: true };
    } catch (error) {
      // What is complete but wrong would be wrong again on resuming.
      if (error instanceof UserError && /^(download-wrong-hash|checkpoint-.*)$/.test(error.code))
        await discardPartial(where);
      throw error;
    }
  });
}

async function requireAvailable(settings: RegistrySettings, name: string): Promise<AvailableModel> {
  requireName(name);
  const models = await readKnownModels(settings.manifestFolder);
  const known = models.find((model) => model.name === name);
  if (!known)
    throw new UserError(
      'model-unknown',
      `There is no known model ${name}.`,
      `Known: ${models.map((model) => model.name).join(', ') || 'none'}. Other weights: medsam2 models import FILE.`,
    );
  if (known.status === 'unsupported')
    throw new UserError(
      'model-unsupported',
      `The model ${name} is not supported: ${known.reason}`,
      'Choose another model; medsam2 models list shows them.',
    );
  return known;
}

async function requireHash(file: string, url: string, expected: string | undefined): Promise<void> {
  if (expected === undefined) return;
  const actual = await sha256OfFile(file);
  if (actual === expected) return;
  throw new UserError(
    'download-wrong-hash',
    `What was downloaded from ${url} has the sha256 ${actual} instead of ${expected}; it was discarded.`,
    'Try again; if it stays so, the publisher has changed the file: import it only if you know why.',
  );
}
