import { useId, useState, type ReactNode } from 'react';
import { usePanel } from '../context.js';
import { Icon } from './icon.js';

interface SectionProps {
  readonly title: string;
  readonly cy: string;
  /** beside the title */
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}

/** A part of the panel under a heading. */
export function Section({ title, cy, aside, children }: SectionProps) {
  const id = useId();
  return (
    <section className="m2-section" aria-labelledby={id} data-cy={cy}>
      <div className="m2-heading">
        <h3 id={id}>{title}</h3>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** A part that can be folded away; whether it is open survives that the host takes the panel down. */
export function Fold({
  title,
  cy,
  aside,
  children,
  openAtFirst = false,
}: SectionProps & { readonly openAtFirst?: boolean }) {
  const { memory } = usePanel();
  const id = useId();
  const [open, setOpen] = useState(memory.open.get(cy) ?? openAtFirst);
  return (
    <section className="m2-section" aria-labelledby={`${id}-title`} data-cy={cy}>
      <div className="m2-heading">
        <h3 id={`${id}-title`}>
          <button
            type="button"
            className="m2-fold"
            aria-expanded={open}
            aria-controls={id}
            data-cy={`${cy}-toggle`}
            onClick={() => {
              memory.open.set(cy, !open);
              setOpen(!open);
            }}
          >
            <Icon name="chevron" />
            {title}
          </button>
        </h3>
        {aside}
      </div>
      <div id={id} hidden={!open} className="m2-folded">
        {open ? children : null}
      </div>
    </section>
  );
}
