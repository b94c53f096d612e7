import { memo, useId } from 'react';
import type { SliceScore, WorkState } from '../../contract/work.js';
import { usePanel, useReason, useWork } from '../context.js';
import { Button } from '../parts/button.js';
import { Section } from '../parts/section.js';
import { StripCanvas } from './canvas.js';
import { RangeRail } from './range.js';
import { Slider } from './slider.js';
import { summaryOf } from './summary.js';

/** All slices of the series at once: confidence of the active segment, prompts, edits, the stretch, where the viewer is. */
export const Strip = memo(function Strip() {
  const { t } = usePanel();
  const sliceCount = useWork((state) => state.session?.sliceCount ?? 0);
  const kind = useWork((state) => state.session?.kind ?? 'stack');
  const summary = useId();
  if (sliceCount === 0) return null;
  return (
    <Section title={t(`panel.strip.${kind}`)} cy="medsam2-strip-section" aside={<Where />}>
      <div className="m2-strip" data-track>
        <StripCanvas />
        <Position sliceCount={sliceCount} describedBy={summary} />
        <RangeRail sliceCount={sliceCount} />
      </div>
      <SummaryLine id={summary} />
      <RangeButtons />
    </Section>
  );
});

const shownScore = (state: WorkState): SliceScore | undefined =>
  state.activeSegment === undefined
    ? undefined
    : state.scores.get(state.activeSegment)?.find(({ slice }) => slice === state.position);

/** Where the viewer is and what the model thinks of that slice, in words. */
function usePlace(): readonly string[] {
  const { t, format } = usePanel();
  const sliceCount = useWork((state) => state.session?.sliceCount ?? 0);
  const position = useWork((state) => state.position);
  const kind = useWork((state) => state.session?.kind ?? 'stack');
  const score = useWork(shownScore);
  return [
    position === undefined
      ? t('panel.strip.nowhere')
      : t(`panel.slice.of.${kind}`, { n: position + 1, total: sliceCount }),
    score === undefined ? '' : t('panel.confidence', { percent: format.percent(score.confidence) }),
    score?.doubtful === true ? t('panel.doubtful') : '',
  ].filter((part) => part !== '');
}

/** The same in short, for eyes; and the way to the doubtful slices. */
function Where() {
  const { format } = usePanel();
  const sliceCount = useWork((state) => state.session?.sliceCount ?? 0);
  const position = useWork((state) => state.position);
  const score = useWork(shownScore);
  return (
    <>
      <p
        className={`m2-where${score?.doubtful === true ? ' m2-is-doubtful' : ''}`}
        data-cy="medsam2-position"
        aria-hidden="true"
      >
        {position === undefined ? '' : `${position + 1}/${sliceCount}`}
        {score === undefined ? '' : ` · ${format.percent(score.confidence)}`}
      </p>
      <Doubtful />
    </>
  );
}

/** The whole strip can be clicked, and moved along by keys. */
function Position({ sliceCount, describedBy }: { readonly sliceCount: number; readonly describedBy: string }) {
  const { t, actions } = usePanel();
  const position = useWork((state) => state.position);
  const words = usePlace();
  return (
    <Slider
      className="m2-strip-track"
      label={t('panel.strip.position')}
      valueText={words.join(', ')}
      value={position ?? 0}
      first={0}
      last={sliceCount - 1}
      sliceCount={sliceCount}
      describedBy={describedBy}
      cy="medsam2-strip"
      onMove={(slice) => actions.jumpTo(slice)}
    />
  );
}

function Doubtful() {
  const { t, actions, hotkeys } = usePanel();
  const reason = useReason('nextDoubtful');
  return (
    <span className="m2-buttons">
      <Button
        label={t('panel.doubtful.previous')}
        icon="previous"
        look="quiet"
        cy="medsam2-previous-doubtful"
        reason={reason}
        onPress={() => actions.nextDoubtful(-1)}
      />
      <Button
        label={t('panel.doubtful.next')}
        icon="next"
        look="quiet"
        cy="medsam2-next-doubtful"
        hotkey={hotkeys.nextDoubtful}
        reason={reason}
        onPress={() => actions.nextDoubtful(1)}
      />
    </span>
  );
}

function SummaryLine({ id }: { readonly id: string }) {
  const { t, format } = usePanel();
  const scores = useWork((state) =>
    state.activeSegment === undefined ? undefined : state.scores.get(state.activeSegment),
  );
  const kind = useWork((state) => state.session?.kind ?? 'stack');
  const { segmented, doubtful, worst } = summaryOf(scores ?? []);
  return (
    <div className="m2-summary">
      <p id={id} data-cy="medsam2-strip-summary">
        {worst === undefined
          ? t('panel.strip.empty')
          : t(`panel.strip.summary.${kind}`, {
              n: segmented,
              doubtful,
              worst: worst.slice + 1,
              percent: format.percent(worst.confidence),
            })}
      </p>
      {worst === undefined ? null : (
        <ul className="m2-legend" aria-label={t('panel.legend')}>
          <li className="m2-legend-sure">{t('panel.legend.sure')}</li>
          <li className="m2-legend-doubt">{t('panel.legend.doubt')}</li>
          <li className="m2-legend-prompt">{t('panel.legend.prompt')}</li>
          <li className="m2-legend-edited">{t('panel.legend.edited')}</li>
        </ul>
      )}
    </div>
  );
}

function RangeButtons() {
  const { t, actions, hotkeys } = usePanel();
  const hasRange = useWork((state) => state.range !== undefined);
  const somewhere = useWork((state) => state.position !== undefined);
  const nowhere = somewhere ? undefined : t('panel.strip.nowhere');
  return (
    <div className="m2-row m2-three">
      <Button
        label={t('panel.range.from')}
        tip={t('panel.range.from.tip')}
        hotkey={hotkeys.fromCurrent}
        cy="medsam2-from-current"
        reason={nowhere}
        onPress={() => actions.setRangeEnd('first')}
      />
      <Button
        label={t('panel.range.to')}
        tip={t('panel.range.to.tip')}
        hotkey={hotkeys.toCurrent}
        cy="medsam2-to-current"
        reason={nowhere}
        onPress={() => actions.setRangeEnd('last')}
      />
      <Button
        label={t('panel.range.clear')}
        tip={t('panel.range.clear.tip')}
        cy="medsam2-clear-range"
        reason={hasRange ? undefined : t('panel.why.no-range')}
        onPress={() => actions.setRange(undefined)}
      />
    </div>
  );
}
