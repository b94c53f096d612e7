export const controlStyles = `
.m2-frame :is(button, input, select) { font: inherit; color: inherit; }
.m2-frame :is(button, input, select, summary, [tabindex]):focus-visible, .m2-segment-name:has(:focus-visible),
.m2-choices label:has(:focus-visible) { outline: 2px solid var(--m2-highlight); outline-offset: 1px; }
.m2-icon { width: 16px; height: 16px; flex: none; fill: none; stroke: currentColor; stroke-width: 1.4;
  stroke-linecap: round; stroke-linejoin: round; }
.m2-button { display: inline-flex; align-items: center; justify-content: center; gap: 5px; min-height: 26px;
  padding: 2px 9px; border: 1px solid var(--m2-input); border-radius: 4px; background: transparent; cursor: pointer;
  text-align: center; line-height: 1.25; position: relative; min-width: 0; }
.m2-button:hover { background: var(--m2-accent); }
.m2-square { width: 28px; min-height: 28px; padding: 0; flex: none; }
.m2-quiet { border-color: transparent; }
.m2-primary { background: color-mix(in srgb, var(--m2-primary) 52%, var(--m2-ground)); border-color: transparent;
  color: var(--m2-on-primary); font-weight: 600; flex: 1 1 auto; min-height: 30px; }
.m2-primary:hover { background: color-mix(in srgb, var(--m2-primary) 66%, var(--m2-ground)); }
.m2-danger { border-color: var(--m2-warning); color: var(--m2-warning); }
.m2-button[aria-pressed=true] { background: color-mix(in srgb, var(--m2-primary) 52%, var(--m2-ground));
  border-color: var(--m2-primary); color: var(--m2-on-primary); }
.m2-button[aria-disabled=true], .m2-select[aria-disabled=true] { cursor: not-allowed; color: var(--m2-muted);
  opacity: 0.72; background: transparent; border-style: dashed; border-color: var(--m2-input); font-weight: 400; }
.m2-quiet[aria-disabled=true] { border-color: transparent; }
.m2-frame kbd { font: 600 10px/1 ui-monospace, 'DejaVu Sans Mono', monospace; padding: 2px 4px; border-radius: 3px;
  background: var(--m2-accent); color: var(--m2-text); }
.m2-input, .m2-select { width: 100%; min-width: 0; min-height: 28px; padding: 3px 7px; border-radius: 4px;
  border: 1px solid var(--m2-input); background: var(--m2-raised); text-overflow: ellipsis; }
.m2-input::placeholder { color: var(--m2-muted); opacity: 1; }
.m2-select { flex: 1; }
.m2-select option { background: var(--m2-popover); color: var(--m2-text); }
.m2-field-label { color: var(--m2-muted); font-size: 11px; }
.m2-check { display: flex; align-items: flex-start; gap: 7px; padding: 3px 0; cursor: pointer; }
.m2-check input { width: 15px; height: 15px; margin: 1px 0 0; flex: none; accent-color: var(--m2-primary); }
.m2-chip { flex: none; padding: 0 6px; border-radius: 3px; border: 1px solid var(--m2-input); font-size: 11px;
  line-height: 18px; }
.m2-chip.m2-warning { color: var(--m2-warning); border-color: color-mix(in srgb, var(--m2-warning) 50%, transparent); }
.m2-dot { display: inline-block; width: 9px; height: 9px; border-radius: 50%; flex: none; box-shadow: 0 0 0 1px rgb(255 255 255 / 0.35); }
.m2-fold { display: flex; align-items: center; gap: 4px; width: 100%; padding: 3px 0; border: 0; background: none;
  cursor: pointer; text-align: left; font-weight: 600; }
.m2-fold .m2-icon { transform: rotate(-90deg); }
.m2-fold[aria-expanded=true] .m2-icon { transform: none; }
.m2-choices { display: flex; gap: 0; }
.m2-choices label { flex: 1 1 0; position: relative; text-align: center; border: 1px solid var(--m2-input); padding: 3px 4px;
  cursor: pointer; margin-left: -1px; min-width: 0; line-height: 1.3; display: grid; place-items: center; }
.m2-choices label:first-of-type { border-radius: 4px 0 0 4px; margin-left: 0; }
.m2-choices label:last-of-type { border-radius: 0 4px 4px 0; }
.m2-choices input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; }
.m2-choices label:hover { background: var(--m2-accent); }
.m2-choices label:has(:checked) { background: color-mix(in srgb, var(--m2-primary) 34%, var(--m2-ground)); z-index: 1;
  border-color: var(--m2-primary); }
.m2-progress { height: 5px; border-radius: 3px; overflow: hidden; background: var(--m2-input); }
.m2-progress > div { height: 100%; background: var(--m2-highlight); transform-origin: left; }
.m2-spinner { display: inline-block; width: 11px; height: 11px; margin-right: 6px; border-radius: 50%;
  border: 2px solid var(--m2-input); border-top-color: var(--m2-highlight); vertical-align: -1px; }
.m2-frame details > summary { cursor: pointer; color: var(--m2-muted); padding: 2px 0; border-radius: 3px; }
`;
