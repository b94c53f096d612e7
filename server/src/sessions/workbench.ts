import { UserError, type ResolvedModel } from '@medsam2/models';
import type { SessionState } from '@medsam2/protocol';
import { isAbort } from '../engine/feature-cache.js';
import { defaultOptions } from '../engine/options.js';
import type { EngineOptions } from '../engine/types.js';
import { describeWindow, resolveWindow, type ResolvedWindow } from '../imaging/window.js';
import type { Volume } from '../imaging/volume.js';
import { notReady, problemOf } from './problems.js';
import type { JournalHeader } from './records.js';
import type { PlannedVolume, SourceCall } from './series-source.js';
import type { SessionSurroundings } from './session.js';
import { modelKey, type ModelIdentity, type OrthogonalPlane, type Settings } from './state.js';
import type { TargetLease, VolumeLease } from './volume-pool.js';
import { windowSpec } from './window.js';

/** Volume, window and model as the settings want them. */
interface Outfit {
  readonly settings: Settings;
  readonly window: ResolvedWindow;
  readonly lease: TargetLease;
}

/** What a session works with: the volume (shared), and the model on it. */
export class Workbench {
  phase: SessionState['phase'] = 'loading';
  private loading = { done: 0, total: 0 };
  private encoded = 0;
  private problem: SessionState['problem'];
  private volumeLease: VolumeLease | undefined;
  private outfit: Outfit | undefined;
  private readonly across = new Map<OrthogonalPlane, Promise<TargetLease>>();
  private readonly abort = new AbortController();
  private encoding = new AbortController();
  /** where the user was seen last */
  private position: number;
  private failure: Error | undefined;
  private loaded: Promise<void> = Promise.resolve();
  private startAgain: () => void = () => undefined;

  /** @param tell the state has changed; `soon`: only a count did */
  constructor(
    private readonly header: JournalHeader,
    private readonly planned: PlannedVolume,
    private model: ResolvedModel,
    private readonly around: SessionSurroundings,
    private readonly tell: (soon: boolean) => void,
  ) {
    this.loading.total = planned.info.slices;
    this.position = Math.floor(planned.info.slices / 2);
  }

  /** Loads in the background; `phase` says how it went. */
  start(settings: Settings, call: SourceCall, position: number | undefined): void {
    this.startAgain = () => this.start(settings, call, position);
    this.loaded = this.load(settings, call).then(
      () => {
        this.phase = 'ready';
        this.tell(false);
        this.encodeAround(position ?? this.position);
      },
      (error: unknown) => {
        if (this.abort.signal.aborted) return;
        this.failure = error instanceof Error ? error : new Error(String(error));
        this.problem = problemOf(error);
        this.phase = 'failed';
        if (this.problem.code === 'internal-error') this.around.log('a session could not load its volume', error);
        this.tell(false);
      },
    );
  }

  /**
   * Waits for the images, as long as a request may. When they could not be had because of the PACS or for want of
   * something that others may give back meanwhile, they are asked for again: a session must outlive that.
   * @throws UserError `session-not-ready`, what loading threw; the signal's reason
   */
  async ready(signal?: AbortSignal): Promise<void> {
    if (this.failure !== undefined && mayPass(this.failure)) {
      this.failure = undefined;
      this.problem = undefined;
      this.phase = 'loading';
      this.loading = { done: 0, total: this.planned.info.slices };
      this.tell(false);
      this.startAgain();
    }
    if (this.phase === 'loading') {
      const limit = AbortSignal.timeout(this.around.limits.readyMs);
      const ended = AbortSignal.any([limit, this.abort.signal, ...(signal === undefined ? [] : [signal])]);
      await Promise.race([this.loaded, aborted(ended)]);
    }
    signal?.throwIfAborted();
    if (this.failure !== undefined) throw this.failure;
    if (this.phase === 'loading' || this.abort.signal.aborted) throw notReady();
  }

  /** @throws UserError `session-not-ready` */
  get volume(): Volume {
    if (this.volumeLease === undefined) throw notReady();
    return this.volumeLease.volume;
  }

  /** The voxels where they are loaded. */
  get loadedVolume(): Volume | undefined {
    return this.volumeLease?.volume;
  }

  /** The model on the volume, for slices or across them; stays until the settings change. */
  async target(plane?: OrthogonalPlane): Promise<TargetLease> {
    const { outfit, volumeLease } = this;
    if (outfit === undefined || volumeLease === undefined) throw notReady();
    if (plane === undefined) return outfit.lease;
    const existing = this.across.get(plane);
    if (existing !== undefined) return existing;
    const made = volumeLease.target(outfit.settings.model, outfit.window, plane);
    this.across.set(plane, made);
    return made;
  }

  /** A lease of its own, for a run that outlives a change of settings. */
  ownTarget(plane?: OrthogonalPlane): Promise<TargetLease> {
    const { outfit, volumeLease } = this;
    if (outfit === undefined || volumeLease === undefined) throw notReady();
    return volumeLease.target(outfit.settings.model, outfit.window, plane);
  }

  options(settings: Settings): EngineOptions {
    return { ...defaultOptions, view: settings.view ?? this.model.view, following: this.model.following };
  }

  get modelInUse(): ResolvedModel {
    return this.model;
  }

  /** What masks of the model in use carry. */
  get modelKey(): string {
    return keyOfModel(this.model);
  }

  windowText(): string {
    return this.outfit === undefined ? '' : describeWindow(this.outfit.window);
  }

  /**
   * @param write puts the new settings into the journal
   * @throws UserError for a model or window that cannot be used, and what `write` throws; nothing has changed then
   */
  async change(settings: Settings, write: () => Promise<unknown>): Promise<void> {
    if (this.volumeLease === undefined) throw notReady();
    const next = await this.makeOutfit(this.volumeLease, settings);
    try {
      await write();
    } catch (error) {
      next.lease.release();
      throw error;
    }
    this.letOutfitGo();
    this.outfit = next;
    this.model = next.lease.model;
    this.encodeAround(this.position);
  }

  /** Encodes slices around a position when nobody else needs the device. */
  encodeAround(position: number): void {
    this.position = position;
    this.encoding.abort();
    this.encoding = new AbortController();
    const signal = AbortSignal.any([this.encoding.signal, this.abort.signal]);
    this.encodeAll(position, signal).catch((error: unknown) => {
      // Whoever needs the slice is told; that it was not ready beforehand is no failure.
      if (!isAbort(error)) this.around.log('slices could not be encoded ahead', error);
    });
  }

  /** The part of the session's state that is the workbench's. */
  view(settings: Settings): Pick<SessionState, 'loading' | 'encoded' | 'problem' | 'model' | 'window' | 'view'> {
    const { name, weightsSha256, demonstration, view } = this.model;
    return {
      loading: this.loading,
      encoded: this.encoded,
      ...(this.problem === undefined ? {} : { problem: this.problem }),
      model: { name, sha256: weightsSha256, demonstration, device: this.outfit?.lease.device ?? '' },
      window: { choice: settings.window, text: this.windowText() },
      view: settings.view ?? view,
    };
  }

  close(): void {
    this.abort.abort();
    this.letOutfitGo();
    this.volumeLease?.release();
    this.volumeLease = undefined;
  }

  private async load(settings: Settings, call: SourceCall): Promise<void> {
    const overrule = this.header.source.overrule ?? [];
    const { limits, pool } = this.around;
    const lease = await pool.acquire({
      key: volumeKey(this.header),
      bytes: this.planned.bytes,
      load: (signal, onProgress) =>
        this.planned.load({ ...call, signal, onProgress, maxBytes: limits.volumeBytes, overrule }),
      onProgress: (done, total) => {
        this.loading = { done, total };
        this.tell(true);
      },
      signal: this.abort.signal,
    });
    this.loading = { done: lease.volume.geometry.slices, total: lease.volume.geometry.slices };
    try {
      this.outfit = await this.makeOutfit(lease, settings);
      this.abort.signal.throwIfAborted();
    } catch (error) {
      this.letOutfitGo();
      lease.release();
      throw error;
    }
    this.model = this.outfit.lease.model;
    this.volumeLease = lease;
  }

  private async makeOutfit(volume: VolumeLease, settings: Settings): Promise<Outfit> {
    const window = resolveWindow(volume.volume, windowSpec(settings.window));
    return { settings, window, lease: await volume.target(settings.model, window) };
  }

  private letOutfitGo(): void {
    this.encoding.abort();
    this.outfit?.lease.release();
    this.outfit = undefined;
    for (const lease of this.across.values()) lease.then((held) => held.release()).catch(() => undefined);
    this.across.clear();
    this.encoded = 0;
  }

  private async encodeAll(position: number, signal: AbortSignal): Promise<void> {
    const { outfit } = this;
    // A region of interest is known when there is a prompt, not before.
    if (outfit === undefined || this.options(outfit.settings).view !== 'full') return;
    const { limits, gate } = this.around;
    const { target, featureSlice } = outfit.lease;
    const most = Math.min(limits.encodeAhead, Math.floor(limits.featureBytes / 2 / featureSlice));
    for (const slice of outward(position, this.planned.info.slices).slice(0, most)) {
      await gate.whenFree(signal);
      await target.encodeAhead(slice, signal);
      this.encoded++;
      this.tell(true);
    }
  }
}

export const identityOf = ({ weightsSha256, demonstration, architecture }: ResolvedModel): ModelIdentity => ({
  sha256: weightsSha256,
  demonstration,
  architecture: architecture.name,
});

export const keyOfModel = (model: ResolvedModel): string => modelKey(model.name, identityOf(model));

/** Sessions with the same key share a volume: the same images of one PACS, with the same findings accepted. */
export function volumeKey({ source, images }: Pick<JournalHeader, 'source' | 'images'>): string {
  const { pacs, study, series, volume, overrule = [] } = source;
  return JSON.stringify([pacs, study, series, volume, images, [...overrule].sort()]);
}

/** All slices, those nearest to a position first. */
export function outward(position: number, slices: number): number[] {
  const middle = Math.min(Math.max(position, 0), slices - 1);
  return Array.from({ length: slices }, (_, slice) => slice).sort(
    (a, b) => Math.abs(a - middle) - Math.abs(b - middle) || a - b,
  );
}

/** Whether what stood in the way of loading may be over by now; what is wrong with the images stays. */
function mayPass(failure: Error): boolean {
  if (!(failure instanceof UserError)) return false;
  return failure.code.startsWith('pacs-') || passing.has(failure.code);
}

const passing: ReadonlySet<string> = new Set(['memory-exhausted', 'worker-crashed', 'model-busy', 'model-closed']);

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
