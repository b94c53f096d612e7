/** What of DICOMweb a request asks for. */
export interface ProxiedPath {
  readonly what: 'dicomweb.search' | 'dicomweb.read' | 'dicomweb.store';
  readonly study?: string;
  readonly series?: string;
}

const uid = String.raw`[0-9]+(?:\.[0-9]+)*`;
const study = `/studies/(?<study>${uid})`;
const series = `${study}/series/(?<series>${uid})`;
const instance = `${series}/instances/${uid}`;
/** BulkDataURIs of servers differ behind this word; segments of plain characters, none of them dots alone */
const bulk = String.raw`/(?:bulk|bulkdata)(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+`;
const frames = String.raw`/frames/[0-9]+(?:(?:,|%2[Cc])[0-9]+)*`;

const patterns: readonly { readonly what: ProxiedPath['what']; readonly method: string; readonly path: RegExp }[] = [
  { what: 'dicomweb.search', method: 'GET', path: pattern('/(?:studies|series|instances)') },
  { what: 'dicomweb.search', method: 'GET', path: pattern(`${study}/(?:series|instances)`) },
  { what: 'dicomweb.search', method: 'GET', path: pattern(`${series}/instances`) },
  { what: 'dicomweb.read', method: 'GET', path: pattern(`${study}(?:/metadata|/rendered|/thumbnail)?`) },
  { what: 'dicomweb.read', method: 'GET', path: pattern(`${series}(?:/metadata|/rendered|/thumbnail)?`) },
  { what: 'dicomweb.read', method: 'GET', path: pattern(`${instance}(?:/metadata|/rendered|/thumbnail)?`) },
  { what: 'dicomweb.read', method: 'GET', path: pattern(`${instance}${frames}(?:/rendered|/thumbnail)?`) },
  { what: 'dicomweb.read', method: 'GET', path: pattern(`${study}${bulk}`) },
  { what: 'dicomweb.read', method: 'GET', path: pattern(`${series}${bulk}`) },
  { what: 'dicomweb.read', method: 'GET', path: pattern(`${instance}${bulk}`) },
  { what: 'dicomweb.store', method: 'POST', path: pattern(`/studies(?:/(?<study>${uid}))?`) },
];

function pattern(path: string): RegExp {
  return new RegExp(`^${path}$`);
}

/**
 * What a path of the proxy means, or undefined for everything that is not QIDO-RS, WADO-RS or STOW-RS: other services of a
 * PACS (administration, deletion, scripts) are not reachable. The path is as it was sent: nothing is decoded here or later.
 */
export function proxiedPath(method: string, path: string): ProxiedPath | undefined {
  const asked = method === 'HEAD' ? 'GET' : method;
  for (const { what, method: allowed, path: shape } of patterns) {
    if (allowed !== asked) continue;
    const match = shape.exec(path);
    if (match === null) continue;
    const { study: studyUid, series: seriesUid } = match.groups ?? {};
    if ([studyUid, seriesUid].some((text) => text !== undefined && text.length > 64)) return undefined;
    return { what, study: studyUid, series: seriesUid };
  }
  return undefined;
}
