/** What a site sets: in the viewer's `window.config.medsam2`, or as the extension's configuration, which counts more. */
export interface Settings {
  /** address of the server, without `/api/v1`; none: where the page comes from */
  readonly server?: string;
  /** name of the PACS on the server; none: its first */
  readonly pacs?: string;
}

/** Takes texts, and leaves out everything else: a mistake in the configuration must not stop the viewer. */
export function settingsOf(...sources: readonly unknown[]): Settings {
  const settings: { server?: string; pacs?: string } = {};
  for (const source of sources) {
    if (typeof source !== 'object' || source === null) continue;
    const { server, pacs } = source as Readonly<Record<string, unknown>>;
    if (typeof server === 'string') settings.server = server.replace(/\/+$/, '');
    if (typeof pacs === 'string' && pacs !== '') settings.pacs = pacs;
  }
  if (settings.server === '') delete settings.server;
  return settings;
}
