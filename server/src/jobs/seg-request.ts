import type { JobBody } from '@medsam2/protocol';
import { decodeRuns } from '@medsam2/protocol/stream';
import { createHash } from 'node:crypto';
import { describeWindow, type ResolvedWindow } from '../imaging/window.js';
import type { Volume } from '../imaging/volume.js';
import type { Provenance, SegRequest } from '../segmentation/types.js';
import type { ModelLease } from '../sessions/models.js';
import { freeDescription, type Software } from '../sessions/saving.js';
import type { PlannedVolume } from '../sessions/series-source.js';
import { filledSlices, type SessionContent } from '../sessions/state.js';

/** SEG series are numbered from here on where the PACS does not tell what numbers are used. */
const firstSeriesNumber = 9001;

export interface JobSegFacts {
  readonly body: JobBody;
  readonly run: { readonly id: string; readonly created: Date };
  /** with masks */
  readonly content: SessionContent;
  readonly planned: PlannedVolume;
  readonly volume: Volume;
  readonly window: ResolvedWindow;
  readonly lease: ModelLease;
  /** segmentations that the study has, as far as the PACS tells */
  readonly known: readonly { readonly description?: string; readonly seriesNumber?: number }[];
  readonly software: Software;
}

/** Everything that the SEG writer needs; identifiers follow from the job's, so that a second run is no second object. */
export function segRequestOfJob(facts: JobSegFacts): SegRequest {
  const { body, run, content, planned, volume, known, software } = facts;
  const filled = [...content.segments.values()].filter(({ id }) => filledSlices(content, id).length > 0);
  const pixels = volume.geometry.rows * volume.geometry.columns;
  const provenance: Provenance = {
    softwareName: software.name,
    softwareVersion: software.version,
    deviceSerialNumber: software.deviceSerialNumber,
    model: modelPart(facts),
    runtime: software.runtime,
    creator: '',
    reviewed: body.save?.reviewed ?? false,
  };
  const labels = filled.map(({ label }) => label).join(', ');
  return {
    source: planned.source(volume),
    segments: filled.map(({ id, label, terms, colour, trackingUid }) => {
      const masks = content.masks.get(id);
      return {
        label,
        terms,
        colour,
        trackingId: `${label} (${trackingUid.slice(-8)})`.slice(-64),
        trackingUid,
        // A person drew the prompts, whoever sent them.
        algorithmType: 'SEMIAUTOMATIC' as const,
        slices: filledSlices(content, id),
        mask: (slice: number) => decodeRuns(masks?.get(slice)?.runs ?? new Uint8Array(0), pixels),
      };
    }),
    provenance,
    format: body.save?.format ?? 'binary',
    description: freeDescription(body.save?.description ?? labels.slice(0, 48), provenance, known),
    seriesNumber: Math.max(firstSeriesNumber - 1, ...known.map(({ seriesNumber }) => seriesNumber ?? 0)) + 1,
    instanceNumber: 1,
    seriesInstanceUid: derivedUid(run.id, 'series'),
    sopInstanceUid: derivedUid(run.id, 'instance'),
    now: run.created,
  };
}

function modelPart({ body, content, window, lease }: JobSegFacts): NonNullable<Provenance['model']> {
  const { name, weightsSha256: sha256, demonstration, architecture, view, following } = lease.model;
  const kinds = new Set([...content.prompts.values()].map(({ drawing }) => drawing.kind));
  const { direction, range } = body.propagate;
  return {
    name,
    version: sha256.slice(0, 12),
    sha256,
    demonstration,
    parameters: [
      ['architecture', architecture.name],
      ['window', describeWindow(window)],
      ['view', body.view ?? view],
      ['following', following],
      ['prompts', [...kinds].sort().join(' ')],
      ['propagation', range === undefined ? direction : `${direction}, slices ${range.first} to ${range.last}`],
    ],
  };
}

/** An identifier that anybody who knows the job finds again: a UUID of its name (PS3.5 section B.2, RFC 9562 version 8). */
export function derivedUid(id: string, what: string): string {
  const hash = createHash('sha256').update(`${id} ${what}`).digest().subarray(0, 16);
  hash[6] = (hash[6] & 0x0f) | 0x80;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  return `2.25.${BigInt(`0x${hash.toString('hex')}`)}`;
}
