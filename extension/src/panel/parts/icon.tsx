/** Drawn for a field of 16 x 16, in the colour of the text. */
const paths = {
  box: 'M3 3.5h10v9H3z',
  point: 'M8 3.5v9M3.5 8h9',
  pointNegative: 'M3.5 8h9',
  scribble: 'M2.5 11c1.5-5 3-7 4.5-5.5s-2 5 0 5.5 3.5-5.5 5.5-5.5c1.5 0 1 2 1 3',
  lasso: 'M8 3c3.3 0 5.5 1.6 5.5 3.7S11.3 10.4 8 10.4 2.5 8.8 2.5 6.7 4.7 3 8 3zM5.5 10c-1.5 1-1.5 3 .5 3.5',
  eraser: 'M9.5 3.5l4 4-5.5 5.5H5.5L2.5 10zM6 7l4 4',
  brush: 'M13.5 2.5L7.5 8.5M7 8.5c-2 0-2.5 1.5-2.5 3 0 1-1 1.5-2 1.5 1.5 1.2 6 1 6-2.5',
  brushEraser: 'M13.5 2.5L8 8M7 8.5c-2 0-2.5 1.5-2.5 3 0 1-1 1.5-2 1.5 1.5 1.2 6 1 6-2.5M10.5 12.5h4',
  eye: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6a2 2 0 100 4 2 2 0 000-4z',
  eyeOff: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM2.5 13.5l11-11',
  lock: 'M4 7.5h8v6H4zM5.5 7.5v-2a2.5 2.5 0 015 0v2',
  unlock: 'M4 7.5h8v6H4zM5.5 7.5v-2a2.5 2.5 0 014.9-.6',
  pencil: 'M11 2.5l2.5 2.5-8 8-3 .5.5-3z',
  trash: 'M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.5 9h6l.5-9M7 7v4M9 7v4',
  plus: 'M8 3v10M3 8h10',
  undo: 'M6 3L2.5 6.5 6 10M3 6.5h6a4 4 0 010 7H7',
  redo: 'M10 3l3.5 3.5L10 10M13 6.5H7a4 4 0 000 7h2',
  reset: 'M3 8a5 5 0 105-5c-2 0-3.5 1-4.5 2.5M3.5 2.5v3h3',
  previous: 'M10 3L5 8l5 5',
  next: 'M6 3l5 5-5 5',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3 8.5l3.5 3.5L13 4.5',
  warning: 'M8 2l6.5 11.5h-13zM8 6.5v3.5M8 11.7v.3',
  error: 'M8 1.5a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM8 4.5v4.5M8 11v.3',
  info: 'M8 1.5a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM8 7v4.5M8 4.7v.3',
  clock: 'M8 1.5a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM8 4.5V8l2.5 1.5',
  chevron: 'M4 6l4 4 4-4',
  stop: 'M4.5 4.5h7v7h-7z',
  play: 'M5 3l8 5-8 5z',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="m2-icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
