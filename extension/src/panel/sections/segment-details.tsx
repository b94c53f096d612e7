import type { SegmentView } from '../../contract/work.js';
import { usePanel, useReason } from '../context.js';
import { Button } from '../parts/button.js';
import { Statistics } from './statistics.js';
import { TermSearch } from './term-search.js';

/** What belongs to the active segment only. */
export function SegmentDetails({
  segment,
  onRename,
  onRemove,
}: {
  readonly segment: SegmentView;
  readonly onRename: () => void;
  readonly onRemove: () => void;
}) {
  const { t } = usePanel();
  const noRemoving = useReason('removeSegment');
  return (
    <div className="m2-details" role="group" aria-label={segment.label}>
      <TermSearch segment={segment} />
      <Statistics segment={segment} />
      <div className="m2-row">
        <Button
          label={t('panel.segment.rename')}
          icon="pencil"
          showLabel
          look="quiet"
          hotkey="F2"
          cy="medsam2-segment-rename"
          onPress={onRename}
        />
        <Button
          label={t('panel.segment.delete')}
          icon="trash"
          showLabel
          look="quiet"
          cy="medsam2-segment-delete"
          reason={noRemoving}
          onPress={onRemove}
        />
      </div>
    </div>
  );
}
