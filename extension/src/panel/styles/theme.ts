/** Colours of the host's theme, where it has them; otherwise those of OHIF's dark theme. */
export const themeStyles = `
.m2-frame {
  --m2-ground: hsl(var(--background, 236 62% 5%));
  --m2-raised: hsl(var(--muted, 234 64% 10%));
  --m2-popover: hsl(var(--popover, 219 90% 15%));
  --m2-input: hsl(var(--input, 236 52% 30%));
  --m2-accent: hsl(var(--accent, 217 79% 24%));
  --m2-text: hsl(var(--foreground, 0 0% 98%));
  --m2-muted: hsl(var(--muted-foreground, 200 46% 65%));
  --m2-primary: hsl(var(--primary, 214 98% 60%));
  --m2-on-primary: hsl(var(--primary-foreground, 0 0% 98%));
  --m2-highlight: hsl(var(--highlight, 191 74% 63%));
  --m2-line: hsl(var(--input, 236 52% 30%) / 0.7);
  --m2-sure: hsl(var(--highlight, 191 74% 63%));
  --m2-doubt: #ffb547;
  --m2-edited: #d6a6ff;
  --m2-info: #7cc4f5;
  --m2-success: #5fd39a;
  --m2-warning: #ffc46b;
  --m2-error: #ff9d96;
  color: var(--m2-text);
  font: 400 12px/1.4 Inter, 'Noto Sans', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', system-ui, sans-serif;
  -webkit-font-smoothing: antialiased;
}
.m2-info { --m2-tone: var(--m2-info); }
.m2-success { --m2-tone: var(--m2-success); }
.m2-warning { --m2-tone: var(--m2-warning); }
.m2-error { --m2-tone: var(--m2-error); }
.m2-muted { color: var(--m2-muted); }
p.m2-success, p.m2-error, span.m2-error, span.m2-success, span.m2-info, p.m2-info { color: var(--m2-tone); }
.m2-note { color: var(--m2-warning); }
`;
