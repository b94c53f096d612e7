import { memo } from 'react';
import { usePanel, useReason, useWork } from '../context.js';
import { Button } from '../parts/button.js';

export const History = memo(function History() {
  const { t, actions, hotkeys } = usePanel();
  const canUndo = useWork((state) => state.canUndo);
  const canRedo = useWork((state) => state.canRedo);
  const active = useWork((state) => state.activeSegment);
  const label = useWork((state) => state.segments.find(({ id }) => id === state.activeSegment)?.label);
  const noUndo = useReason('undo') ?? (canUndo ? undefined : t('panel.why.nothing-to-undo'));
  const noRedo = useReason('redo') ?? (canRedo ? undefined : t('panel.why.nothing-to-redo'));
  const noReset = useReason('reset');
  return (
    <div className="m2-history">
      <Button
        label={t('panel.undo')}
        icon="undo"
        cy="medsam2-undo"
        hotkey={hotkeys.undo}
        reason={noUndo}
        onPress={() => void actions.undo()}
      />
      <Button
        label={t('panel.redo')}
        icon="redo"
        cy="medsam2-redo"
        hotkey={hotkeys.redo}
        reason={noRedo}
        onPress={() => void actions.redo()}
      />
      <Button
        label={t('panel.reset')}
        icon="reset"
        cy="medsam2-reset"
        hotkey={hotkeys.reset}
        tip={label === undefined ? undefined : t('panel.reset.of', { segment: label })}
        reason={noReset}
        onPress={() => void actions.reset(active)}
      />
    </div>
  );
});
