import type { SegmentView } from '../../contract/work.js';
import { usePanel, useWork } from '../context.js';

/** Figures of the active segment; the old ones stay, dimmed, while new ones are worked out. */
export function Statistics({ segment }: { readonly segment: SegmentView }) {
  const { t, format } = usePanel();
  const kind = useWork((state) => state.session?.kind ?? 'stack');
  const { statistics, statisticsPending, sliceCount } = segment;
  if (sliceCount === 0) {
    return <p className="m2-muted">{t('panel.statistics.empty')}</p>;
  }
  const { volumeMl, longAxis, shortAxis, mean, sd, unit, axisUnit, remarks = [] } = statistics ?? {};
  const axes = [longAxis, shortAxis].filter((axis) => axis !== undefined).map((axis) => format.number(axis, 1));
  return (
    <div
      className={`m2-statistics${statisticsPending ? ' m2-pending' : ''}`}
      aria-busy={statisticsPending}
      data-cy="medsam2-statistics"
    >
      <dl>
        {volumeMl === undefined ? null : (
          <Figure name={t('panel.statistics.volume')} value={`${format.size(volumeMl)} ml`} cy="medsam2-volume-ml" />
        )}
        {axes.length === 0 ? null : (
          <Figure name={t('panel.statistics.axes')} value={`${axes.join(' × ')} ${axisUnit ?? 'mm'}`} />
        )}
        {mean === undefined || sd === undefined ? null : (
          <Figure
            name={t('panel.statistics.mean')}
            value={`${format.number(mean, 0)} ± ${format.number(sd, 0)} ${unit === 'stored' ? '' : (unit ?? '')}`.trim()}
          />
        )}
        {volumeMl === undefined ? (
          <Figure name={t(`panel.statistics.extent.${kind}`)} value={String(sliceCount)} />
        ) : null}
      </dl>
      {statisticsPending ? <p className="m2-sr">{t('panel.statistics.pending')}</p> : null}
      {remarks.map((remark) => (
        <p key={remark} className="m2-note" lang="en">
          {remark}
        </p>
      ))}
    </div>
  );
}

function Figure({ name, value, cy }: { readonly name: string; readonly value: string; readonly cy?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-cy={cy}>{value}</dd>
    </div>
  );
}
