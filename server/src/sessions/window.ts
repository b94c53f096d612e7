import { UserError } from '@medsam2/models';
import type { WindowChoice } from '@medsam2/protocol';
import { windowPresets, type WindowSpec } from '../imaging/window-spec.js';

/**
 * What the contract's window is to the imaging code.
 * @throws UserError `window-invalid`
 */
export function windowSpec(choice: WindowChoice): WindowSpec {
  if (choice === 'auto') return { kind: 'auto' };
  if ('preset' in choice) {
    if (Object.hasOwn(windowPresets, choice.preset)) return { kind: 'preset', name: choice.preset };
    throw new UserError(
      'window-invalid',
      `There is no window preset ${choice.preset}.`,
      `Use one of ${Object.keys(windowPresets).join(', ')}.`,
    );
  }
  if ('centre' in choice) return { kind: 'explicit', ...choice };
  const [low, high] = choice.percentiles;
  if (low < high) return { kind: 'percentiles', low, high };
  throw new UserError(
    'window-invalid',
    `The percentiles ${low} and ${high} are no range.`,
    'Give the lower one first, for example 0.5 and 99.5.',
  );
}
