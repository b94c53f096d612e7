export const sectionStyles = `
.m2-notices { position: sticky; top: 0; z-index: 20; max-height: 45vh; overflow-y: auto; background: var(--m2-ground); }
.m2-notices > div:not(:empty) { padding: 6px 10px 0; display: flex; flex-direction: column; gap: 6px; }
.m2-notices > div:last-child:not(:empty) { padding-bottom: 6px; }
.m2-notice { flex-direction: row; align-items: flex-start; gap: 8px; padding: 6px 4px 6px 8px; }
.m2-notice > .m2-icon { color: var(--m2-tone); margin-top: 1px; }
.m2-notice .m2-grow { display: flex; flex-direction: column; gap: 4px; align-items: flex-start; padding-top: 1px; }
.m2-notice .m2-square { width: 24px; min-height: 24px; }
.m2-server { display: inline-flex; align-items: center; gap: 6px; color: var(--m2-muted); }
.m2-server::before { content: ''; width: 8px; height: 8px; border-radius: 50%; background: var(--m2-tone); }
.m2-server.m2-error::before, .m2-server.m2-warning::before { border-radius: 1px; }
.m2-server.m2-error, .m2-server.m2-warning { color: var(--m2-tone); }
.m2-header .m2-row { flex-wrap: nowrap; }
.m2-frame .m2-demonstration { display: flex; align-items: center; gap: 6px; color: var(--m2-warning); }
.m2-demonstration strong { font-weight: 600; }
.m2-header .m2-status { flex-wrap: wrap; justify-content: space-between; }
.m2-licence { font-size: 11px; }
.m2-licence[open] { flex-basis: 100%; }
.m2-licence p { padding: 2px 0 2px 14px; color: var(--m2-muted); overflow-wrap: anywhere; }
.m2-series { display: flex; align-items: center; gap: 7px; }
.m2-series .m2-clip { flex: 1; }
.m2-frame .m2-empty > p { min-width: 0; }
.m2-frame .m2-empty { flex-direction: row; color: var(--m2-muted); padding: 16px 10px; gap: 8px; }
.m2-findings { display: flex; flex-direction: column; gap: 4px; }
.m2-findings li { display: flex; gap: 6px; overflow-wrap: anywhere; }
.m2-findings li > span { min-width: 0; }
.m2-findings .m2-icon { color: var(--m2-tone); margin-top: 1px; }
.m2-toolbar { display: flex; justify-content: space-between; gap: 1px; }
.m2-tool { position: relative; }
.m2-tool .m2-square { width: 30px; min-height: 32px; }
.m2-tool kbd { position: absolute; right: 0; bottom: 0; padding: 1px 2px; font-size: 9px; background: none;
  color: var(--m2-muted); }
.m2-tool [aria-pressed=true] kbd { color: var(--m2-on-primary); }
.m2-apart { padding-left: 5px; border-left: 1px solid var(--m2-line); }
.m2-hint { flex: 1; min-height: 34px; padding-top: 5px; }
.m2-keyboard { display: none; }
.m2-toolbar:focus-within + .m2-top .m2-keyboard { display: inline; }
.m2-history, .m2-buttons { display: flex; flex: none; gap: 2px; }
.m2-history .m2-button { border-color: transparent; }
.m2-segment { border-radius: 4px; border: 1px solid transparent; }
.m2-segment:hover { background: color-mix(in srgb, var(--m2-accent) 45%, transparent); }
.m2-segment.m2-active { background: var(--m2-raised); border-color: var(--m2-input); }
.m2-segment-row { display: flex; align-items: center; gap: 2px; padding-left: 6px; }
.m2-segment-name { flex: 1; min-width: 0; display: flex; align-items: center; align-self: stretch; padding: 0 6px;
  border-radius: 3px; cursor: pointer; position: relative; }
.m2-segment-name input { position: absolute; opacity: 0; inset: 0; width: 100%; height: 100%; margin: 0; cursor: pointer; }
.m2-segment-name .m2-clip { position: relative; }
.m2-active .m2-segment-name { font-weight: 600; }
.m2-segment .m2-square { width: 26px; min-height: 26px; }
.m2-segment-row .m2-quiet { color: var(--m2-muted); }
.m2-swatch { appearance: none; width: 18px; height: 18px; padding: 0; border: 0; border-radius: 4px; background: none;
  cursor: pointer; flex: none; }
.m2-swatch::-webkit-color-swatch-wrapper { padding: 0; }
.m2-swatch::-webkit-color-swatch { border: 1px solid rgb(255 255 255 / 0.45); border-radius: 4px; }
.m2-swatch::-moz-color-swatch { border: 1px solid rgb(255 255 255 / 0.45); border-radius: 4px; }
.m2-details { display: flex; flex-direction: column; gap: 6px; padding: 3px 7px 6px; }
.m2-terms { position: relative; display: grid; grid-template-columns: auto minmax(60%, 1fr); align-items: center; gap: 2px 8px; }
.m2-terms > p { grid-column: 1 / -1; }
.m2-terms .m2-input { background: var(--m2-ground); }
.m2-options { position: absolute; top: 100%; left: 0; right: 0; z-index: 15; max-height: 216px; overflow-y: auto;
  background: var(--m2-popover); border: 1px solid var(--m2-input); border-radius: 4px; box-shadow: 0 6px 18px rgb(0 0 0 / 0.55);
  scrollbar-width: thin; }
.m2-options li { display: flex; gap: 8px; align-items: baseline; padding: 4px 8px; cursor: pointer; }
.m2-options li[aria-selected=true] { background: var(--m2-accent); box-shadow: inset 2px 0 var(--m2-highlight); }
.m2-options small { display: block; font-size: 11px; color: var(--m2-muted); }
.m2-options [aria-selected=true] small { color: var(--m2-text); }
.m2-statistics dl { display: flex; flex-direction: column; gap: 1px; }
.m2-statistics dl > div { display: flex; justify-content: space-between; gap: 10px; }
.m2-statistics dt { color: var(--m2-muted); }
.m2-statistics dd { white-space: nowrap; font-variant-numeric: tabular-nums; text-align: right; }
.m2-pending dd { color: var(--m2-muted); font-style: italic; }
.m2-field { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.2fr); align-items: center; }
.m2-field .m2-under { grid-column: 2; font-size: 11px; overflow-wrap: anywhere; }
.m2-prompt, .m2-save { display: flex; align-items: center; gap: 6px; }
.m2-save { align-items: flex-start; padding: 4px 0; }
.m2-saves { border-top: 1px solid var(--m2-line); margin-top: 4px; padding-top: 3px; }
.m2-saves .m2-grow > * + * { margin-top: 2px; }
.m2-jump { flex: 1; min-width: 0; display: flex; align-items: center; gap: 8px; padding: 3px 6px; border: 0; border-radius: 3px;
  background: none; cursor: pointer; text-align: left; min-height: 26px; }
.m2-jump .m2-clip { flex: 1; }
.m2-jump:hover { background: var(--m2-accent); }
.m2-run { display: flex; flex-direction: column; gap: 4px; }
.m2-run .m2-row { justify-content: space-between; }
.m2-end { align-items: center; }
`;
