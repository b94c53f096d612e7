/** @param valueText what screen readers say, e.g. `23 of 60 slices` */
export function Progress({
  label,
  done,
  total,
  valueText,
}: {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly valueText: string;
}) {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  return (
    <div
      className="m2-progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={done}
      aria-valuetext={valueText}
    >
      <div style={{ transform: `scaleX(${share})` }} />
    </div>
  );
}
