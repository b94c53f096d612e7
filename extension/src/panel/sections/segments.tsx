import { memo, useRef } from 'react';
import { usePanel, useReason, useWork } from '../context.js';
import { Button } from '../parts/button.js';
import { Section } from '../parts/section.js';
import { SegmentRow } from './segment-row.js';

/** The segments of the session; the active one with its term, statistics and what can be done to it. */
export const Segments = memo(function Segments() {
  const { t, actions } = usePanel();
  const segments = useWork((state) => state.segments);
  const active = useWork((state) => state.activeSegment);
  const noAdding = useReason('addSegment');
  const add = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const focusNeighbour = (id: number) => {
    const radios = [...(list.current?.querySelectorAll<HTMLInputElement>('input[type=radio]') ?? [])];
    const at = radios.findIndex((radio) => radio.value === String(id));
    (radios[at + 1] ?? radios[at - 1] ?? add.current)?.focus();
  };
  return (
    <Section
      title={t('panel.segments')}
      cy="medsam2-segments"
      aside={
        <Button
          ref={add}
          label={t('panel.segment.add')}
          icon="plus"
          showLabel
          look="quiet"
          cy="medsam2-add-segment"
          reason={noAdding}
          onPress={() => void actions.addSegment()}
        />
      }
    >
      {segments.length === 0 ? (
        <p className="m2-muted">{t('panel.segments.none')}</p>
      ) : (
        <div role="radiogroup" aria-label={t('panel.segments.active')}>
          <ul ref={list} className="m2-list">
            {segments.map((segment) => (
              <SegmentRow
                key={segment.id}
                segment={segment}
                active={segment.id === active}
                tabStop={segment.id === active || (active === undefined && segment === segments[0])}
                onRemoving={focusNeighbour}
              />
            ))}
          </ul>
        </div>
      )}
    </Section>
  );
});
