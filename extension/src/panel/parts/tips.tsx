import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';

interface Tip {
  readonly text: string;
  readonly title?: string;
  readonly hotkey?: string;
  readonly top: number;
  readonly above: boolean;
  readonly left: number;
}

/** Reasons are shown at once, names of buttons after a moment. */
const nameDelay = 350;
const tipWidth = 240;

/**
 * One tip for all elements with `data-tip`, with the pointer or the focus on them; Escape closes it, and the pointer may
 * rest on it. Screen readers get the same text from the elements themselves.
 */
export function Tips({ children }: { readonly children: ReactNode }) {
  const frame = useRef<HTMLDivElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const byPointer = useRef(false);
  const [tip, setTip] = useState<Tip>();

  const hide = useCallback(() => {
    clearTimeout(timer.current);
    setTip(undefined);
  }, []);
  useEffect(() => () => clearTimeout(timer.current), []);

  const show = (target: EventTarget) => {
    const owner = target instanceof Element ? target.closest<HTMLElement>('[data-tip]') : null;
    if (target instanceof Element && target.closest('.m2-tip') !== null) return;
    if (owner === null || frame.current === null) return hide();
    const place = () => {
      if (frame.current !== null && owner.isConnected) setTip(tipOf(owner, frame.current));
    };
    clearTimeout(timer.current);
    if (owner.getAttribute('aria-disabled') === 'true') place();
    else {
      setTip(undefined);
      timer.current = setTimeout(place, nameDelay);
    }
  };

  return (
    <div
      ref={frame}
      className="m2-tips"
      onPointerOver={(event) => show(event.target)}
      onPointerLeave={hide}
      onPointerDown={(event) => {
        byPointer.current = true;
        const pressed = event.target instanceof Element ? event.target.closest('[aria-disabled=true]') : null;
        if (pressed === null) hide();
      }}
      onPointerUp={() => (byPointer.current = false)}
      onFocus={(event) => {
        if (!byPointer.current) show(event.target);
      }}
      onBlur={hide}
      onKeyDown={(event) => {
        if (event.key === 'Escape') hide();
      }}
    >
      {children}
      {tip === undefined ? null : (
        <div
          className={`m2-tip${tip.above ? ' m2-above' : ''}`}
          style={{ top: tip.top, left: tip.left, maxWidth: tipWidth }}
          aria-hidden="true"
          data-cy="medsam2-tip"
        >
          {tip.title === undefined ? null : <strong>{tip.title}</strong>}
          <span>{tip.text}</span>
          {tip.hotkey === undefined ? null : <kbd>{tip.hotkey}</kbd>}
        </div>
      )}
    </div>
  );
}

function tipOf(owner: HTMLElement, frame: HTMLElement): Tip {
  const { tip = '', tipTitle, tipKey } = owner.dataset;
  const around = frame.getBoundingClientRect();
  const at = owner.getBoundingClientRect();
  const above = at.bottom + 90 > window.innerHeight && at.top > 90;
  const left = Math.min(at.left - around.left, around.width - tipWidth - 8);
  return {
    text: tip,
    title: tipTitle,
    hotkey: tipKey,
    above,
    left: Math.max(8, left),
    top: (above ? at.top - 6 : at.bottom + 6) - around.top,
  };
}
