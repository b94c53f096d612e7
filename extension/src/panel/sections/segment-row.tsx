import { memo, useEffect, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import type { SegmentView } from '../../contract/work.js';
import { usePanel, useReason } from '../context.js';
import { colourOf, hexOf } from '../format.js';
import { Button } from '../parts/button.js';
import { Statistics } from './statistics.js';
import { TermSearch } from './term-search.js';

interface SegmentRowProps {
  readonly segment: SegmentView;
  readonly active: boolean;
  /** the row that the Tab key reaches; arrow keys choose among the rows */
  readonly tabStop: boolean;
  /** focus must go somewhere before the row does */
  readonly onRemoving: (id: number) => void;
}

export const SegmentRow = memo(function SegmentRow({ segment, active, tabStop, onRemoving }: SegmentRowProps) {
  const { t, actions } = usePanel();
  const noRemoving = useReason('removeSegment');
  const [renaming, setRenaming] = useState(false);
  const radio = useRef<HTMLInputElement>(null);
  const { id, label, visible, locked } = segment;
  const tabIndex = tabStop ? 0 : -1;

  const endRenaming = (name: string | undefined, refocus: boolean) => {
    flushSync(() => setRenaming(false));
    if (refocus) radio.current?.focus();
    const trimmed = name?.trim() ?? '';
    if (trimmed !== '' && trimmed !== label) void actions.changeSegment(id, { label: trimmed });
  };

  return (
    <li className={`m2-segment${active ? ' m2-active' : ''}`} data-cy={`medsam2-segment-${id}`} data-active={active}>
      <div className="m2-segment-row">
        <ColourSwatch segment={segment} tabIndex={tabIndex} />
        <label className="m2-segment-name" data-tip={label} hidden={renaming}>
          <input
            ref={radio}
            type="radio"
            name="medsam2-segment"
            value={id}
            checked={active}
            tabIndex={tabIndex}
            onChange={() => actions.selectSegment(id)}
            onKeyDown={(event) => {
              if (event.key === 'F2') {
                event.preventDefault();
                setRenaming(true);
              }
            }}
          />
          <span className="m2-clip" onDoubleClick={() => setRenaming(true)}>
            {label}
          </span>
        </label>
        {renaming ? <RenameInput label={label} onEnd={endRenaming} /> : null}
        {active ? (
          <Button
            label={t('panel.segment.rename', { segment: label })}
            icon="pencil"
            look="quiet"
            hotkey="F2"
            cy="medsam2-segment-rename"
            onPress={() => setRenaming(true)}
          />
        ) : null}
        <Button
          label={t(locked ? 'panel.segment.unlock' : 'panel.segment.lock', { segment: label })}
          icon={locked ? 'lock' : 'unlock'}
          look="quiet"
          tabIndex={tabIndex}
          cy="medsam2-segment-lock"
          onPress={() => void actions.changeSegment(id, { locked: !locked })}
        />
        <Button
          label={t(visible ? 'panel.segment.hide' : 'panel.segment.show', { segment: label })}
          icon={visible ? 'eye' : 'eyeOff'}
          look="quiet"
          tabIndex={tabIndex}
          cy="medsam2-segment-visible"
          onPress={() => actions.showSegment(id, !visible)}
        />
        {active ? (
          <Button
            label={t('panel.segment.delete', { segment: label })}
            icon="trash"
            look="quiet"
            cy="medsam2-segment-delete"
            reason={noRemoving}
            onPress={() => {
              onRemoving(id);
              void actions.removeSegment(id);
            }}
          />
        ) : null}
      </div>
      {active ? (
        <div className="m2-details" role="group" aria-label={label}>
          <TermSearch segment={segment} />
          <Statistics segment={segment} />
        </div>
      ) : null}
    </li>
  );
});

function RenameInput({
  label,
  onEnd,
}: {
  readonly label: string;
  readonly onEnd: (name: string | undefined, refocus: boolean) => void;
}) {
  const { t } = usePanel();
  const input = useRef<HTMLInputElement>(null);
  const ended = useRef(false);
  useEffect(() => {
    input.current?.focus();
    input.current?.select();
  }, []);
  const end = (name: string | undefined, refocus: boolean) => {
    if (ended.current) return;
    ended.current = true;
    onEnd(name, refocus);
  };
  return (
    <input
      ref={input}
      className="m2-input m2-grow"
      aria-label={t('panel.segment.name')}
      defaultValue={label}
      maxLength={64}
      data-cy="medsam2-segment-name"
      onKeyDown={(event) => {
        if (event.key === 'Enter') end(event.currentTarget.value, true);
        if (event.key === 'Escape') end(undefined, true);
      }}
      onBlur={(event) => end(event.currentTarget.value, false)}
    />
  );
}

/** React has no event for the end of a choice; each step on the way would be a change to undo. */
function ColourSwatch({ segment, tabIndex }: { readonly segment: SegmentView; readonly tabIndex: number }) {
  const { t, actions } = usePanel();
  const input = useRef<HTMLInputElement>(null);
  const hex = hexOf(segment.colour);
  const { id } = segment;
  useEffect(() => {
    const element = input.current;
    if (element === null) return;
    const choose = () => void actions.changeSegment(id, { colour: colourOf(element.value) });
    element.addEventListener('change', choose);
    return () => element.removeEventListener('change', choose);
  }, [actions, id]);
  useEffect(() => {
    if (input.current !== null) input.current.value = hex;
  }, [hex]);
  return (
    <input
      ref={input}
      type="color"
      className="m2-swatch"
      defaultValue={hex}
      tabIndex={tabIndex}
      aria-label={t('panel.segment.colour', { segment: segment.label })}
      data-tip={t('panel.segment.colour', { segment: segment.label })}
      data-cy="medsam2-segment-colour"
    />
  );
}
