export const stripStyles = `
.m2-strip { position: relative; margin: 0 12px; height: 76px; touch-action: none; user-select: none; }
.m2-strip-canvas { display: block; width: 100%; height: 58px; border-radius: 3px 3px 0 0; }
.m2-strip-track { position: absolute; inset: 0 0 18px; cursor: crosshair; border-radius: 3px; }
.m2-where { font-variant-numeric: tabular-nums; white-space: nowrap; }
.m2-frame .m2-is-doubtful { color: var(--m2-doubt); padding: 0 5px; border: 1px dashed var(--m2-doubt); border-radius: 3px; }
.m2-rail { position: absolute; left: 0; right: 0; bottom: 0; height: 18px; }
.m2-rail::before { content: ''; position: absolute; left: 0; right: 0; top: 8px; height: 2px; background: var(--m2-input); }
.m2-stretch { position: absolute; top: 7px; height: 4px; border-radius: 2px; background: var(--m2-primary); }
.m2-whole .m2-stretch { opacity: 0.55; }
.m2-grip { position: absolute; top: 0; width: 12px; height: 18px; cursor: ew-resize; background: var(--m2-primary);
  clip-path: none; }
.m2-grip::after { content: ''; position: absolute; inset: -3px -6px; }
.m2-grip::before { content: ''; position: absolute; left: 5px; top: 5px; width: 2px; height: 8px; background: var(--m2-ground); }
.m2-grip-first { margin-left: -12px; border-radius: 4px 1px 1px 4px; }
.m2-grip-first::after { right: 0; }
.m2-grip-last { border-radius: 1px 4px 4px 1px; }
.m2-grip-last::after { left: 0; }
.m2-summary { display: flex; flex-direction: column; gap: 3px; }
.m2-legend { display: flex; flex-wrap: wrap; gap: 2px 10px; font-size: 11px; color: var(--m2-muted); }
.m2-legend li { display: flex; align-items: center; gap: 4px; }
.m2-legend li::before { content: ''; width: 8px; height: 10px; }
.m2-legend-sure::before { background: var(--m2-sure); }
.m2-legend-doubt::before { background: repeating-linear-gradient(135deg, var(--m2-doubt) 0 1.5px, var(--m2-ground) 1.5px 3.5px);
  border: 1px solid var(--m2-doubt); }
.m2-legend .m2-legend-prompt::before { height: 7px; background: var(--m2-text); clip-path: polygon(0 0, 100% 0, 50% 100%); }
.m2-legend .m2-legend-edited::before { width: 6px; height: 6px; background: var(--m2-edited); }
`;
