export const layoutStyles = `
.m2-frame, .m2-frame *, .m2-frame *::before, .m2-frame *::after { box-sizing: border-box; }
.m2-frame { height: 100%; min-width: 0; background: var(--m2-ground); overflow: auto; scrollbar-width: thin;
  scrollbar-color: var(--m2-input) transparent; }
.m2-frame [hidden] { display: none; }
.m2-frame :is(h2, h3, p, ul, dl, dd, fieldset) { margin: 0; padding: 0; border: 0; font: inherit; min-width: 0; }
.m2-frame ul { list-style: none; }
.m2-tips { position: relative; }
.m2-section { padding: 9px 10px; border-bottom: 1px solid var(--m2-line); display: flex; flex-direction: column; gap: 6px;
  min-width: 0; }
.m2-section:last-of-type { border-bottom: 0; }
.m2-heading { display: flex; align-items: center; gap: 6px; min-height: 26px; margin: -3px 0; }
.m2-frame .m2-heading h3 { flex: 1; font-weight: 600; font-size: 12px; min-width: 0; }
.m2-row { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; min-width: 0; }
.m2-top { flex-wrap: nowrap; align-items: flex-start; }
.m2-three > .m2-button { flex: 1 1 0; }
.m2-grow { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.m2-fixed { flex: none; }
.m2-clip { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.m2-numbers { font-variant-numeric: tabular-nums; }
.m2-sr { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.m2-list { display: flex; flex-direction: column; gap: 2px; }
.m2-scroll { max-height: 190px; overflow-y: auto; scrollbar-width: thin; scrollbar-color: var(--m2-input) transparent; }
.m2-box { border: 1px solid color-mix(in srgb, var(--m2-tone) 45%, transparent); border-left-width: 3px;
  background: color-mix(in srgb, var(--m2-tone) 10%, var(--m2-ground)); border-radius: 4px; padding: 7px 9px;
  display: flex; flex-direction: column; gap: 6px; }
.m2-section.m2-box { margin: 8px 10px; }
.m2-tip { position: absolute; z-index: 30; display: flex; flex-wrap: wrap; align-items: center; gap: 2px 8px;
  padding: 5px 8px; border-radius: 4px; background: var(--m2-popover); border: 1px solid var(--m2-input);
  box-shadow: 0 4px 14px rgb(0 0 0 / 0.5); font-size: 12px; overflow-wrap: anywhere; }
.m2-tip strong { flex-basis: 100%; font-weight: 600; }
.m2-above { transform: translateY(-100%); }
@media (prefers-reduced-motion: no-preference) {
  .m2-button, .m2-progress > div, .m2-segment { transition: background-color 0.12s, border-color 0.12s; }
  .m2-progress > div { transition: transform 0.15s linear; }
  .m2-spinner { animation: m2-turn 0.8s linear infinite; }
}
@keyframes m2-turn { to { transform: rotate(1turn); } }
`;
