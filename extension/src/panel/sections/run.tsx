import { memo, useState } from 'react';
import type { Direction, RunView } from '../../contract/work.js';
import { usePanel, useReason, useWork } from '../context.js';
import { Button } from '../parts/button.js';
import { Progress } from '../parts/progress.js';

const directions: readonly Direction[] = ['backward', 'both', 'forward'];

/** Carries the prompts' masks through the series, in one or both directions, all of it or a stretch. */
export const Run = memo(function Run() {
  const { t, actions, hotkeys, memory } = usePanel();
  const range = useWork((state) => state.range);
  const several = useWork((state) => state.segments.length > 1);
  const kind = useWork((state) => state.session?.kind ?? 'stack');
  const noPropagation = useReason('propagate');
  const noStretch = useReason('propagateStretch');
  const noStop = useReason('stop');
  const [all, setAll] = useState(memory.propagateAll);
  const chooseAll = (value: boolean) => {
    memory.propagateAll = value;
    setAll(value);
  };
  const label =
    range === undefined
      ? t('panel.propagate')
      : t(`panel.propagate.stretch.${kind}`, { first: range.first + 1, last: range.last + 1 });
  return (
    <section className="m2-section" aria-label={t('panel.propagate')} data-cy="medsam2-run">
      <DirectionChoice />
      {several ? (
        <Choices
          label={t('panel.which')}
          name="medsam2-which"
          value={all ? 'all' : 'active'}
          choices={[
            { value: 'active', label: t('panel.which.active') },
            { value: 'all', label: t('panel.which.all') },
          ]}
          onChoose={(value) => chooseAll(value === 'all')}
        />
      ) : null}
      <div className="m2-row">
        <Button
          label={label}
          icon="play"
          showLabel
          look="primary"
          cy="medsam2-propagate"
          hotkey={hotkeys.propagate}
          reason={range === undefined ? noPropagation : noStretch}
          onPress={() => void actions.propagate(all && several ? 'all' : 'active')}
        />
        <Button
          label={t('panel.stop')}
          icon="stop"
          showLabel
          cy="medsam2-stop"
          hotkey={hotkeys.stop}
          reason={noStop}
          onPress={() => void actions.stop()}
        />
      </div>
      <RunProgress />
    </section>
  );
});

function DirectionChoice() {
  const { t, actions } = usePanel();
  const direction = useWork((state) => state.direction);
  return (
    <Choices
      label={t('panel.direction')}
      name="medsam2-direction"
      value={direction}
      choices={directions.map((value) => ({ value, label: t(`panel.direction.${value}`) }))}
      onChoose={(value) => actions.setDirection(value)}
    />
  );
}

interface ChoicesProps<Value extends string> {
  readonly label: string;
  readonly name: string;
  readonly value: Value;
  readonly choices: readonly { readonly value: Value; readonly label: string }[];
  readonly onChoose: (value: Value) => void;
}

/** A few exclusive choices side by side. */
function Choices<Value extends string>({ label, name, value, choices, onChoose }: ChoicesProps<Value>) {
  return (
    <fieldset className="m2-choices">
      <legend className="m2-sr">{label}</legend>
      {choices.map((choice) => (
        <label key={choice.value}>
          <input
            type="radio"
            name={name}
            value={choice.value}
            checked={value === choice.value}
            data-cy={`${name}-${choice.value}`}
            onChange={() => onChoose(choice.value)}
          />
          <span>{choice.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

function RunProgress() {
  const { t } = usePanel();
  const run = useWork((state) => state.run);
  const kind = useWork((state) => state.session?.kind ?? 'stack');
  if (run === undefined) return null;
  const running = run.state === 'running' || run.state === 'queued';
  const counted = t(`panel.run.count.${kind}`, { done: run.done, total: run.total });
  return (
    <div className="m2-run" data-cy="medsam2-run-state" data-state={run.state}>
      {running ? <Progress label={t('panel.run')} done={run.done} total={run.total} valueText={counted} /> : null}
      <p className="m2-row">
        <span role="status" className={run.state === 'failed' ? 'm2-error' : undefined}>
          {t(`panel.run.${run.state}`)}
        </span>
        <span className="m2-muted m2-numbers">
          {run.state === 'queued' || run.total === 0 ? '' : counted}
          <Pace run={run} />
        </span>
      </p>
      {run.message === undefined ? null : (
        <p className="m2-note" lang="en">
          {run.message}
        </p>
      )}
    </div>
  );
}

function Pace({ run }: { readonly run: RunView }) {
  const { t, format } = usePanel();
  if (run.state !== 'running' || run.rate === undefined || run.rate <= 0) return null;
  const seconds = Math.ceil((run.total - run.done) / run.rate);
  const rate = format.number(run.rate, run.rate < 10 ? 1 : 0);
  const left =
    seconds >= 90 ? t('panel.run.minutes', { n: Math.ceil(seconds / 60) }) : t('panel.run.seconds', { n: seconds });
  return (
    <>
      {' '}
      · {t('panel.run.rate', { rate })} · {left}
    </>
  );
}
