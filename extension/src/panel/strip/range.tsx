import { usePanel, useWork } from '../context.js';
import { Slider } from './slider.js';

/** The stretch to propagate through: two handles under the strip; without one they rest at the ends of the series. */
export function RangeRail({ sliceCount }: { readonly sliceCount: number }) {
  const { t, actions } = usePanel();
  const range = useWork((state) => state.range);
  const kind = useWork((state) => state.session?.kind ?? 'stack');
  const whole = { first: 0, last: sliceCount - 1 };
  const { first, last } = range ?? whole;
  const percent = (slices: number) => `${(slices / sliceCount) * 100}%`;
  const place = (slice: number) => t(`panel.slice.of.${kind}`, { n: slice + 1, total: sliceCount });
  const set = (next: { readonly first: number; readonly last: number }) =>
    actions.setRange(next.first === whole.first && next.last === whole.last ? undefined : next);
  return (
    <div className={`m2-rail${range === undefined ? ' m2-whole' : ''}`}>
      <div className="m2-stretch" style={{ left: percent(first), width: percent(last - first + 1) }} />
      <Slider
        className="m2-grip m2-grip-first"
        label={t('panel.range.first')}
        valueText={place(first)}
        value={first}
        first={0}
        last={last}
        sliceCount={sliceCount}
        relative
        style={{ left: percent(first) }}
        cy="medsam2-range-first"
        onMove={(slice) => set({ first: slice, last })}
      />
      <Slider
        className="m2-grip m2-grip-last"
        label={t('panel.range.last')}
        valueText={place(last)}
        value={last}
        first={first}
        last={sliceCount - 1}
        sliceCount={sliceCount}
        relative
        style={{ left: percent(last + 1) }}
        cy="medsam2-range-last"
        onMove={(slice) => set({ first, last: slice })}
      />
    </div>
  );
}
