import { forwardRef, useId, type ReactNode } from 'react';
import { Icon, type IconName } from './icon.js';

export interface ButtonProps {
  readonly label: string;
  /** the label is only for the tip and for screen readers */
  readonly icon?: IconName;
  readonly showLabel?: boolean;
  readonly look?: 'plain' | 'primary' | 'quiet' | 'danger';
  /** why it cannot be used now: shown with the pointer or focus on it, and read out */
  readonly reason?: string;
  /** more than the label says */
  readonly tip?: string;
  readonly hotkey?: string;
  readonly pressed?: boolean;
  readonly expanded?: boolean;
  readonly controls?: string;
  readonly tabIndex?: number;
  readonly cy?: string;
  readonly children?: ReactNode;
  readonly onPress: () => void;
}

/**
 * A button that stays reachable when it cannot be used, and then says why; `disabled` would hide the reason from
 * everybody who works without a mouse.
 */
export const Button = forwardRef<HTMLButtonElement, ButtonProps>(function Button(props, ref) {
  const { label, icon, reason, tip, hotkey, pressed, look = 'plain', cy } = props;
  const showLabel = props.showLabel ?? icon === undefined;
  const reasonId = useId();
  const hint = reason ?? tip ?? (showLabel ? undefined : label);
  return (
    <>
      <button
        ref={ref}
        type="button"
        className={`m2-button m2-${look}${showLabel ? '' : ' m2-square'}`}
        aria-label={showLabel ? undefined : label}
        aria-disabled={reason === undefined ? undefined : true}
        aria-describedby={reason === undefined ? undefined : reasonId}
        aria-pressed={pressed}
        aria-expanded={props.expanded}
        aria-controls={props.controls}
        aria-keyshortcuts={hotkey}
        data-tip={hint}
        data-tip-title={reason !== undefined && !showLabel ? label : undefined}
        data-tip-key={hotkey}
        data-cy={cy}
        tabIndex={props.tabIndex}
        onClick={() => {
          if (reason === undefined) props.onPress();
        }}
      >
        {icon === undefined ? null : <Icon name={icon} />}
        {showLabel ? <span className="m2-label">{label}</span> : null}
        {props.children}
      </button>
      {reason === undefined ? null : (
        <span id={reasonId} hidden>
          {reason}
        </span>
      )}
    </>
  );
});
