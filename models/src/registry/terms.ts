import { UserError } from '../errors.js';
import { sha256 } from '../files/hash.js';
import type { Acceptance, Licence } from './schemas.js';
import type { RegistrySettings } from './settings.js';

/**
 * The record that the operator accepted a model's terms, or undefined where nothing needs accepting.
 *
 * @param accepted model names the operator accepted the terms of
 * @throws UserError `terms-not-accepted`, with the terms
 */
export function acceptTerms(
  { now, user }: Pick<RegistrySettings, 'now' | 'user'>,
  name: string,
  licence: Licence,
  accepted: readonly string[],
): Acceptance | undefined {
  if (!licence.restricted) return undefined;
  if (!accepted.includes(name))
    throw new UserError(
      'terms-not-accepted',
      `The weights ${name} have restricted terms: ${licence.terms} (${licence.url})`,
      `If you may use them under these terms, repeat the command with: --accept-terms ${name}`,
    );
  return { date: now().toISOString(), user, termsSha256: sha256(licence.terms) };
}
