import type { SaveBody } from '@medsam2/protocol';
import { decodeRuns } from '@medsam2/protocol/stream';
import { UserError } from '@medsam2/models';
import { seriesDescription } from '../segmentation/provenance.js';
import type { Provenance, SegRequest, SegSegment } from '../segmentation/types.js';
import type { SourceCall, SeriesSource } from './series-source.js';
import type { LiveSession } from './session.js';
import { filledSlices, type Segment, type SessionContent } from './state.js';

/** What a SEG says of the program that wrote it. */
export interface Software {
  readonly name: string;
  readonly version: string;
  readonly deviceSerialNumber: string;
}

/** SEG series are numbered from here on where the PACS does not tell what numbers are used. */
const firstSeriesNumber = 9001;
const segmentationStorage = '1.2.840.10008.5.1.4.1.1.66.4';

/**
 * Everything that the SEG writer needs, from the session as it is now.
 * @param known segmentations that the study has, when the PACS tells
 * @throws UserError `nothing-to-save`, `segment-not-found`
 */
export function segRequest(
  session: LiveSession,
  body: SaveBody,
  known: Awaited<ReturnType<SeriesSource['segmentations']>>,
  software: Software,
): SegRequest {
  const { content } = session.record;
  const segments = segmentsToSave(session, body);
  const provenance: Provenance = {
    softwareName: software.name,
    softwareVersion: software.version,
    deviceSerialNumber: software.deviceSerialNumber,
    ...modelPart(
      session,
      segments.map(({ id }) => id),
    ),
    creator: '',
    reviewed: body.reviewed,
  };
  const base =
    body.description ??
    segments
      .map(({ label }) => label)
      .join(', ')
      .slice(0, 48);
  return {
    source: session.planned.source(session.workbench.loadedVolume),
    segments: segments.map((segment) => segSegment(session, content, segment)),
    provenance,
    format: body.format,
    description: freeDescription(base, provenance, known),
    seriesNumber: Math.max(firstSeriesNumber - 1, ...known.map(({ seriesNumber }) => seriesNumber ?? 0)) + 1,
    instanceNumber: 1,
    ...(body.replaces === undefined
      ? {}
      : {
          replaces: {
            seriesInstanceUid: body.replaces.series,
            sopInstanceUid: body.replaces.sopInstanceUid,
            sopClassUid: segmentationStorage,
          },
        }),
    now: session.around.now(),
  };
}

/** Segmentations of the study; none where the PACS cannot say now: a save is not refused for a name. */
export async function knownSegmentations(
  session: LiveSession,
  source: SeriesSource,
  call: SourceCall,
): Promise<Awaited<ReturnType<SeriesSource['segmentations']>>> {
  const { pacs, study } = session.header.source;
  try {
    return await source.segmentations(pacs, study, call);
  } catch (error) {
    session.around.log('the segmentations of a study could not be asked for', error);
    return [];
  }
}

function segmentsToSave(session: LiveSession, body: SaveBody): Segment[] {
  const { content } = session.record;
  const wanted =
    body.segments === undefined
      ? [...content.segments.values()]
      : [...new Set(body.segments)].map((id) => session.segment(id));
  const filled = wanted.filter(({ id }) => filledSlices(content, id).length > 0);
  if (filled.length > 0) return filled;
  throw new UserError('nothing-to-save', 'All segments are empty.', 'Draw a prompt or a mask first.');
}

function segSegment(session: LiveSession, content: SessionContent, segment: Segment): SegSegment {
  const masks = content.masks.get(segment.id);
  const slices = filledSlices(content, segment.id);
  const byPerson = slices.every((slice) => masks?.get(slice)?.model === undefined);
  const edited = slices.every((slice) => {
    const origin = masks?.get(slice)?.origin;
    return origin === 'edited' || origin === 'prompt';
  });
  return {
    label: segment.label,
    terms: segment.terms,
    colour: segment.colour,
    trackingId: `${segment.label} (${segment.trackingUid.slice(-8)})`.slice(0, 64),
    trackingUid: segment.trackingUid,
    // What was imported may come from a model.
    algorithmType: byPerson && edited ? 'MANUAL' : 'SEMIAUTOMATIC',
    slices,
    mask: (slice) => decodeRuns(masks?.get(slice)?.runs ?? new Uint8Array(0), session.grid.pixels),
  };
}

/** The model's part, when a model took part in what is saved. */
function modelPart(session: LiveSession, segments: readonly number[]): Pick<Provenance, 'model'> {
  const { content } = session.record;
  const names = new Set<string>();
  const origins = new Map<string, number>();
  for (const segment of segments) {
    for (const { model, origin, pixels } of content.masks.get(segment)?.values() ?? []) {
      if (pixels === 0) continue;
      if (model !== undefined) names.add(model);
      origins.set(origin, (origins.get(origin) ?? 0) + 1);
    }
  }
  if (names.size === 0) return {};
  const { name, weightsSha256, demonstration, architecture } = session.workbench.modelInUse;
  const kinds = new Set<string>();
  for (const { segment, drawing } of content.prompts.values()) if (segments.includes(segment)) kinds.add(drawing.kind);
  const others = [...names].filter((other) => other !== name);
  const parameters: [string, string][] = [
    ['architecture', architecture.name],
    ['window', session.workbench.windowText()],
    ['view', session.workbench.options(session.record.settings).view],
    ['prompts', [...kinds].sort().join(' ') || 'none'],
    ['slices', [...origins].map(([origin, count]) => `${origin} ${count}`).join(', ')],
    // Masks of a model that was used before the session changed to another one.
    ...(others.length === 0 ? [] : [['also by', others.join(' ')] satisfies [string, string]]),
  ];
  return { model: { name, version: weightsSha256.slice(0, 12), sha256: weightsSha256, demonstration, parameters } };
}

/** The description, with a version number when the study has a segmentation of this name. */
export function freeDescription(
  base: string,
  provenance: Provenance,
  known: readonly { readonly description?: string }[],
): string {
  const used = new Set(known.map(({ description }) => description?.trim()));
  for (let version = 1; ; version++) {
    const candidate = version === 1 ? base : `${base} v${version}`;
    if (!used.has(seriesDescription(candidate, provenance))) return candidate;
  }
}
