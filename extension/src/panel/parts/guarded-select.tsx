import { useId } from 'react';

interface Choice {
  readonly value: string;
  readonly label: string;
}

interface GuardedSelectProps {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly Choice[];
  /** first entry while nothing is chosen */
  readonly placeholder?: string;
  readonly reason?: string;
  readonly cy: string;
  readonly onChoose: (value: string) => void;
}

/** A select that can be reached, but not changed, while there is a reason against it. */
export function GuardedSelect(props: GuardedSelectProps) {
  const { label, value, choices, placeholder, reason, cy } = props;
  const reasonId = useId();
  const blocked = reason !== undefined;
  return (
    <>
      <select
        className="m2-select"
        aria-label={label}
        aria-disabled={blocked ? true : undefined}
        aria-describedby={blocked ? reasonId : undefined}
        data-tip={reason}
        data-cy={cy}
        value={value}
        onMouseDown={(event) => {
          if (blocked) event.preventDefault();
        }}
        onKeyDown={(event) => {
          if (blocked && event.key !== 'Tab') event.preventDefault();
        }}
        onChange={(event) => {
          if (!blocked) props.onChoose(event.target.value);
        }}
      >
        {placeholder === undefined ? null : (
          <option value="" disabled>
            {placeholder}
          </option>
        )}
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
      {blocked ? (
        <span id={reasonId} hidden>
          {reason}
        </span>
      ) : null}
    </>
  );
}
