import { useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { sliceAt } from './bins.js';

interface SliderProps {
  readonly className: string;
  readonly label: string;
  readonly valueText: string;
  readonly value: number;
  readonly first: number;
  readonly last: number;
  readonly sliceCount: number;
  /** distance of the pointer from the value's place when it was taken hold of is kept while dragging */
  readonly relative?: boolean;
  readonly style?: { readonly left: string };
  readonly describedBy?: string;
  readonly cy: string;
  readonly onMove: (slice: number) => void;
}

const steps: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageDown: -10,
  PageUp: 10,
};

/** A slider over slices, by pointer and by keys (ARIA Authoring Practices). Values and limits are slices from 0. */
export function Slider(props: SliderProps) {
  const { value, first, last, sliceCount, relative = false } = props;
  const grip = useRef<number>(undefined);

  const move = (slice: number) => {
    const allowed = Math.max(first, Math.min(last, slice));
    if (allowed !== value) props.onMove(allowed);
  };
  const shareOf = (event: PointerEvent<HTMLElement>): number => {
    const track = event.currentTarget.closest('[data-track]') ?? event.currentTarget;
    const { left, width } = track.getBoundingClientRect();
    return width > 0 ? (event.clientX - left) / width : 0;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const target = event.key === 'Home' ? first : event.key === 'End' ? last : value + (steps[event.key] ?? 0);
    if (!(event.key in steps) && event.key !== 'Home' && event.key !== 'End') return;
    event.preventDefault();
    move(target);
  };

  return (
    <div
      className={props.className}
      role="slider"
      tabIndex={0}
      aria-label={props.label}
      aria-orientation="horizontal"
      aria-valuemin={first + 1}
      aria-valuemax={last + 1}
      aria-valuenow={value + 1}
      aria-valuetext={props.valueText}
      aria-describedby={props.describedBy}
      style={props.style}
      data-cy={props.cy}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture?.(event.pointerId);
        grip.current = relative ? value - Math.floor(shareOf(event) * sliceCount) : 0;
        if (!relative) move(sliceAt(shareOf(event), sliceCount));
      }}
      onPointerMove={(event) => {
        if (grip.current === undefined) return;
        move(Math.floor(shareOf(event) * sliceCount) + grip.current);
      }}
      onPointerUp={() => (grip.current = undefined)}
      onPointerCancel={() => (grip.current = undefined)}
    />
  );
}
