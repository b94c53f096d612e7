import { BridgeError, type Failure } from '../errors.js';
import type { GridSize } from '../input/geometry.js';
import type { ImageUpload, Upload, VolumeMark } from '../input/uploads.js';
import type { Identity } from '../identity.js';
import { maxCases, type Case, type HeldVolume } from './cases.js';

/**
 * One click of the user: upload, run, download, each a request of its own. A click ends with its download, when its client goes
 * away, or when the next request does not come.
 */
export class Click {
  state: 'receiving' | 'uploaded' | 'running' | 'finished' = 'receiving';
  upload?: Upload;
  /** of an image upload: what later clicks refer to */
  ownCase?: Case;
  /** of the volume or mask that was read whole; a declared size alone is not believed */
  size?: GridSize;
  /** what the download will bring */
  outcome?: { readonly file: Buffer } | { readonly failure: Failure };
  /** bytes held beside the client's volumes */
  reserved = 0;
  private timer?: NodeJS.Timeout;

  constructor(private readonly onEnd: (click: Click) => void) {}

  fail(failure: Failure): void {
    this.state = 'finished';
    this.upload = undefined;
    this.reserved = 0;
    this.outcome = { failure };
  }

  finish(file: Buffer): void {
    this.state = 'finished';
    this.upload = undefined;
    this.reserved = 0;
    this.outcome = { file };
  }

  /** The client's next request is due. */
  expect(seconds: number): void {
    this.hold();
    this.timer = setTimeout(() => this.end(), seconds * 1000);
    this.timer.unref();
  }

  /** The client's next request is here. */
  hold(): void {
    clearTimeout(this.timer);
  }

  end(): void {
    this.hold();
    this.onEnd(this);
  }
}

/** A client's volumes that are held at once: two people behind one identity are served without forgetting. */
const maxVolumes = 2;
const maxJournal = 20;

/** Everything known under one identity. Its clicks are served one after the other, so that none sees another's result. */
export class Client {
  private current?: Click;
  private readonly waiting: (() => void)[] = [];
  private readonly own: Case[] = [];
  /** weights that the client uploaded: file name -> registered name */
  readonly models = new Map<string, string>();
  readonly journal: string[] = [];
  lastUsed: number;

  constructor(
    readonly identity: Identity,
    /** the identity is one person's by their own word */
    readonly isPersonal: boolean,
    private readonly now: () => number,
  ) {
    this.lastUsed = now();
  }

  /** Oldest first. */
  get cases(): readonly Case[] {
    return this.own;
  }

  get click(): Click | undefined {
    return this.current;
  }

  get isBusy(): boolean {
    return this.current !== undefined || this.waiting.length > 0;
  }

  /**
   * A new click, when all earlier ones under this identity have ended: an upload is answered only then. The plug-in waits for
   * any answer as long as it takes, and two that cannot be told apart never see each other's result.
   *
   * @throws the signal's reason when the client goes away meanwhile
   */
  async begin(signal: AbortSignal): Promise<Click> {
    while (this.current !== undefined) {
      await new Promise<void>((resolve, reject) => {
        const go = (): void => {
          signal.removeEventListener('abort', leave);
          resolve();
        };
        const leave = (): void => {
          this.waiting.splice(this.waiting.indexOf(go), 1);
          reject(signal.reason as Error);
        };
        this.waiting.push(go);
        signal.addEventListener('abort', leave, { once: true });
      });
    }
    signal.throwIfAborted();
    this.current = new Click((click) => this.ended(click));
    return this.current;
  }

  private ended(click: Click): void {
    if (this.current !== click) return;
    this.current = undefined;
    this.waiting.shift()?.();
  }

  touch(): void {
    this.lastUsed = this.now();
  }

  note(line: string): void {
    this.journal.push(`${new Date(this.now()).toISOString()} ${line}`);
    if (this.journal.length > maxJournal) this.journal.shift();
  }

  held(mark: VolumeMark): HeldVolume | undefined {
    return this.own.find(({ held }) => isSameMark(held.mark, mark) && held.volume !== undefined)?.held;
  }

  /** Remember an image upload; the same voxels are held once. */
  addCase({ boxes, start, end, slice, mark, size, volume }: ImageUpload): Case {
    const held = this.held(mark);
    const isHeld = held !== undefined && held.volume === volume;
    const added: Case = {
      held: isHeld ? held : { mark, size, volume },
      prompts: { boxes, start, end, slice },
    };
    this.own.push(added);
    while (this.own.length > maxCases) {
      const [{ held: left }] = this.own.splice(0, 1);
      if (!this.own.some((other) => other.held === left)) forget(left);
    }
    const volumes = this.volumes();
    for (const old of volumes.slice(0, Math.max(0, volumes.length - maxVolumes))) forget(old);
    return added;
  }

  /** Volumes that are held, the least recently used first. */
  volumes(): HeldVolume[] {
    const newestFirst = [...this.own].reverse().map(({ held }) => held);
    return [...new Set(newestFirst)].filter(({ volume }) => volume !== undefined).reverse();
  }

  /** Frees everything; requests that are under way keep what they use. */
  forgetAll(): void {
    for (const held of this.volumes()) forget(held);
    this.own.length = 0;
    this.models.clear();
  }
}

const isSameMark = (a: VolumeMark, b: VolumeMark): boolean => a.crc32 === b.crc32 && a.bytes === b.bytes;

export function forget(held: HeldVolume): void {
  held.opened?.stack.close();
  held.opened = undefined;
  held.volume = undefined;
}

export const bytesOf = ({ volume }: HeldVolume): number => volume?.voxels.byteLength ?? 0;

/** @throws BridgeError `click-order` for a request that does not follow an upload */
export function expectUploaded(click: Click | undefined): Click {
  if (click !== undefined && (click.state === 'uploaded' || click.outcome !== undefined)) return click;
  throw new BridgeError(
    409,
    'click-order',
    'Nothing was uploaded before this request.',
    'Click the button again; the plug-in uploads, runs and downloads in this order.',
  );
}
