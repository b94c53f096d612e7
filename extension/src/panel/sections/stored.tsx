import { memo, useState } from 'react';
import { usePanel, useWork } from '../context.js';
import { Button } from '../parts/button.js';
import { Fold } from '../parts/section.js';

/** Segmentations of the series that lie in the study already. */
export const Stored = memo(function Stored() {
  const { t, actions } = usePanel();
  const stored = useWork((state) => state.stored);
  if (stored.length === 0) return null;
  return (
    <Fold title={t('panel.stored', { n: stored.length })} cy="medsam2-stored">
      <ul className="m2-list m2-scroll">
        {stored.map((entry) => (
          <li key={entry.sopInstanceUid} className="m2-save">
            <span className="m2-grow m2-clip" data-tip={entry.description}>
              {entry.description || t('panel.series.unnamed')}
            </span>
            <Button
              label={t('panel.stored.continue')}
              tip={t('panel.stored.tip')}
              cy="medsam2-continue-from"
              onPress={() => void actions.continueFrom(entry)}
            />
          </li>
        ))}
      </ul>
    </Fold>
  );
});

/** Ends the work on the series; asked again, because masks that were not saved go. */
export const Discard = memo(function Discard() {
  const { t, actions } = usePanel();
  const session = useWork((state) => state.session?.id);
  const unsaved = useWork((state) => state.session?.unsaved ?? false);
  const [asking, setAsking] = useState(false);
  if (session === undefined) return null;
  if (!asking) {
    return (
      <div className="m2-section m2-end">
        <Button label={t('panel.discard')} look="quiet" cy="medsam2-discard" onPress={() => setAsking(true)} />
      </div>
    );
  }
  return (
    <div className="m2-section m2-box m2-warning" role="group" aria-label={t('panel.discard')}>
      <p>{t(unsaved ? 'panel.discard.unsaved' : 'panel.discard.saved')}</p>
      <p className="m2-row">
        <Button
          label={t('panel.discard.confirm')}
          look="danger"
          cy="medsam2-discard-confirm"
          onPress={() => {
            setAsking(false);
            void actions.discard();
          }}
        />
        <Button label={t('panel.cancel')} look="quiet" onPress={() => setAsking(false)} />
      </p>
    </div>
  );
});
