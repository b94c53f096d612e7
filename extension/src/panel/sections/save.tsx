import { memo, useEffect, useId, useRef, useState } from 'react';
import type { SaveState } from '@medsam2/protocol';
import { usePanel, useReason, useWork } from '../context.js';
import { Button } from '../parts/button.js';
import { Icon, type IconName } from '../parts/icon.js';
import { Section } from '../parts/section.js';

/** Saving as DICOM Segmentation: a statement of the user, and what the PACS really did with it. */
export const Save = memo(function Save() {
  const { t, actions, memory, hotkeys } = usePanel();
  const saving = useWork((state) => state.saving);
  const unsaved = useWork((state) => state.session?.unsaved ?? false);
  const saves = useWork((state) => state.saves);
  const noSaving = useReason('save') ?? (saving ? t('panel.why.saving') : undefined);
  const [description, setDescription] = useState(memory.description);
  const [reviewed, setReviewed] = useReviewed();
  const id = useId();
  const save = () => {
    const text = description.trim();
    void actions.save({ reviewed, ...(text === '' ? {} : { description: text }) });
  };
  return (
    <Section
      title={t('panel.save.title')}
      cy="medsam2-saving"
      aside={unsaved ? <span className="m2-chip m2-warning">{t('panel.save.unsaved')}</span> : undefined}
    >
      <label className="m2-field-label" htmlFor={id}>
        {t('panel.save.description')}
      </label>
      <input
        id={id}
        className="m2-input"
        value={description}
        maxLength={60}
        placeholder={t('panel.save.description.example')}
        data-cy="medsam2-save-description"
        onChange={(event) => {
          memory.description = event.currentTarget.value;
          setDescription(event.currentTarget.value);
        }}
      />
      <label className="m2-check">
        <input
          type="checkbox"
          checked={reviewed}
          data-cy="medsam2-reviewed"
          onChange={(event) => setReviewed(event.currentTarget.checked)}
        />
        <span>{t('panel.save.reviewed')}</span>
      </label>
      <Button
        label={t(saving ? 'panel.save.busy' : 'panel.save')}
        look="primary"
        cy="medsam2-save"
        hotkey={hotkeys.save}
        reason={noSaving}
        onPress={save}
      />
      {saves.length === 0 ? null : (
        <div role="status">
          <ul className="m2-list m2-saves" aria-label={t('panel.saves')}>
            {saves.map((entry) => (
              <SaveRow key={entry.id} save={entry} reason={noSaving} onAgain={save} />
            ))}
          </ul>
        </div>
      )}
    </Section>
  );
});

/** Never ticked for the user, and no longer true once masks have changed. */
function useReviewed(): [boolean, (reviewed: boolean) => void] {
  const scores = useWork((state) => state.scores);
  const [reviewed, setReviewed] = useState(false);
  const seen = useRef(scores);
  useEffect(() => {
    if (seen.current !== scores) setReviewed(false);
    seen.current = scores;
  }, [scores]);
  return [reviewed, setReviewed];
}

const looks: Readonly<Record<SaveState['state'], readonly [IconName, string]>> = {
  waiting: ['clock', 'info'],
  sending: ['clock', 'info'],
  verified: ['check', 'success'],
  refused: ['error', 'error'],
  discarded: ['trash', 'muted'],
};

const SaveRow = memo(function SaveRow({
  save,
  reason,
  onAgain,
}: {
  readonly save: SaveState;
  readonly reason?: string;
  readonly onAgain: () => void;
}) {
  const { t, format, actions } = usePanel();
  const [icon, look] = looks[save.state];
  return (
    <li className="m2-save" data-cy="medsam2-save-state" data-state={save.state}>
      <span className={`m2-fixed m2-${look}`}>
        <Icon name={icon} />
      </span>
      <div className="m2-grow">
        <p className="m2-clip" data-tip={save.description}>
          {save.description}
        </p>
        <p className={`m2-${look}`}>
          {t(`panel.save.${save.state}`, { pacs: save.pacs })}{' '}
          <time className="m2-muted" dateTime={save.created}>
            {format.dateTime(save.created)}
          </time>
        </p>
        {save.message === undefined || save.state === 'verified' ? null : (
          <p className="m2-muted" lang="en">
            {save.message}
          </p>
        )}
        {save.warnings.map((warning) => (
          <p key={warning} className="m2-note" lang="en">
            {warning}
          </p>
        ))}
        {save.state === 'refused' ? (
          <Button label={t('panel.save.again')} cy="medsam2-save-again" reason={reason} onPress={onAgain} />
        ) : null}
      </div>
      {save.state === 'verified' ? (
        <Button
          label={t('panel.save.open')}
          tip={t('panel.save.open.tip')}
          cy="medsam2-open-saved"
          onPress={() => void actions.openSaved(save)}
        />
      ) : null}
    </li>
  );
});
