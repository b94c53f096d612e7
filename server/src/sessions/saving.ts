import type { SaveBody } from '@medsam2/protocol';
import { decodeRuns } from '@medsam2/protocol/stream';
import { UserError } from '@medsam2/models';
import { seriesDescription } from '../segmentation/provenance.js';
import type { Provenance, SegRequest, SegSegment } from '../segmentation/types.js';
import type { SourceCall, SeriesSource } from './series-source.js';
import type { LiveSession } from './session.js';
import { filledSlices, importedModel, type Segment, type SessionContent } from './state.js';

/** What a SEG says of the program that wrote it. */
export interface Software {
  readonly name: string;
  readonly version: string;
  readonly deviceSerialNumber: string;
  /** what runs the models, e.g. onnxruntime-node; told only of results that a model took part in */
  readonly runtime?: { readonly name: string; readonly version: string };
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
  const made = modelPart(session, segments);
  const provenance: Provenance = {
    softwareName: software.name,
    softwareVersion: software.version,
    deviceSerialNumber: software.deviceSerialNumber,
    ...made,
    ...(made.model === undefined ? {} : { runtime: software.runtime }),
    creator: '',
    reviewed: body.reviewed,
  };
  const base =
    body.description ??
    segments
      .map(({ label }) => label)
      .join(', ')
      .slice(0, 48);
  // Without a model of its own the object does not carry the mark of what it was made from.
  const isMarked = /demonstration/i.test(base) || !hasDemonstration(content, segments);
  const marked = isMarked ? base : `${base.slice(0, 44)} (demonstration)`;
  return {
    source: session.planned.source(session.workbench.loadedVolume),
    segments: segments.map((segment) => segSegment(session, content, segment)),
    provenance,
    format: body.format,
    description: freeDescription(marked, provenance, known),
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
  const makers = new Set(slices.map((slice) => masks?.get(slice)?.model));
  const isManual = makers.size === 1 && makers.has(undefined);
  const isImported = [...makers].every((model) => model === undefined || model === importedModel);
  return {
    label: segment.label,
    terms: segment.terms,
    colour: segment.colour,
    trackingId: `${segment.label} (${segment.trackingUid.slice(-8)})`.slice(0, 64),
    trackingUid: segment.trackingUid,
    algorithmType: isManual ? 'MANUAL' : 'SEMIAUTOMATIC',
    ...(!isManual && isImported && segment.algorithm !== undefined ? { algorithm: segment.algorithm } : {}),
    slices,
    mask: (slice) => decodeRuns(masks?.get(slice)?.runs ?? new Uint8Array(0), session.grid.pixels),
  };
}

/** The model's part, when a model took part in what is saved: the one that made most slices; others are named. */
function modelPart(session: LiveSession, segments: readonly Segment[]): Pick<Provenance, 'model'> {
  const { content, settings } = session.record;
  const ids = segments.map(({ id }) => id);
  const makers = new Map<string, number>();
  const origins = new Map<string, number>();
  for (const id of ids) {
    for (const { model, origin, pixels } of content.masks.get(id)?.values() ?? []) {
      if (pixels === 0) continue;
      if (model !== undefined && model !== importedModel) makers.set(model, (makers.get(model) ?? 0) + 1);
      origins.set(origin, (origins.get(origin) ?? 0) + 1);
    }
  }
  const [most, ...others] = [...makers]
    .sort((a, b) => b[1] - a[1])
    .flatMap(([key]) => session.record.models.get(key) ?? []);
  if (most === undefined) return {};
  const inUse = session.workbench.modelInUse.weightsSha256 === most.sha256;
  const kinds = new Set<string>();
  for (const { segment, drawing } of content.prompts.values()) if (ids.includes(segment)) kinds.add(drawing.kind);
  const parameters: [string, string][] = [
    ['architecture', most.architecture],
    // Of a model that the session left, only its masks are known for sure.
    ...(inUse
      ? ([
          ['window', session.workbench.windowText()],
          ['view', session.workbench.options(settings).view],
          ['following', session.workbench.options(settings).following],
        ] satisfies [string, string][])
      : []),
    ['prompts', [...kinds].sort().join(' ') || 'none'],
    ['slices', [...origins].map(([origin, count]) => `${origin} ${count}`).join(', ')],
    ...others.map(({ name, sha256 }): [string, string] => ['also', `${name} sha256 ${sha256}`]),
  ];
  const { name, sha256 } = most;
  const demonstration = [most, ...others].some((model) => model.demonstration) || hasDemonstration(content, segments);
  return { model: { name, version: sha256.slice(0, 12), sha256, demonstration, parameters } };
}

/** Segments that were read and say themselves that a demonstration model made them. */
const hasDemonstration = (content: SessionContent, segments: readonly Segment[]): boolean =>
  segments.some(
    ({ id, algorithm }) =>
      /demonstration/i.test(algorithm?.name ?? '') &&
      [...(content.masks.get(id)?.values() ?? [])].some(({ model, pixels }) => pixels > 0 && model === importedModel),
  );

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
