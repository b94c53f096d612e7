import { memo } from 'react';
import type { WindowChoiceName } from '../../contract/work.js';
import { usePanel, useWork } from '../context.js';
import { GuardedSelect } from '../parts/guarded-select.js';

/** The server's presets for CT, by the names that its interface has for them. */
const presets = ['abdomen', 'liver', 'soft-tissue', 'mediastinum', 'lung', 'bone', 'brain'] as const;

export const WindowChoice = memo(function WindowChoice() {
  const { t, actions } = usePanel();
  const choice = useWork((state) => state.windowChoice);
  const modality = useWork((state) => state.target?.modality);
  const inEffect = useWork((state) => state.session?.windowText);
  const names: readonly WindowChoiceName[] = [
    'viewer',
    'auto',
    ...(modality === 'CT' ? presets.map((name) => `preset:${name}` as const) : []),
  ];
  const labelOf = (name: WindowChoiceName): string => {
    if (name === 'viewer' || name === 'auto') return t(`panel.window.${name}`);
    const preset = presets.find((known) => name === `preset:${known}`);
    return preset === undefined ? name.slice('preset:'.length) : t(`panel.window.preset.${preset}`);
  };
  const choices = names.includes(choice) ? names : [...names, choice];
  return (
    <div className="m2-section m2-field">
      <span className="m2-field-label">{t('panel.window')}</span>
      <GuardedSelect
        label={t('panel.window')}
        cy="medsam2-window"
        value={choice}
        choices={choices.map((name) => ({ value: name, label: labelOf(name) }))}
        onChoose={(value) => void actions.chooseWindow(choices.find((name) => name === value) ?? 'auto')}
      />
      {inEffect === undefined ? null : (
        <span className="m2-muted m2-under" lang="en" data-cy="medsam2-window-text">
          {inEffect}
        </span>
      )}
    </div>
  );
});
