import { Api } from '../client/api.js';
import type { Clock } from '../client/clock.js';
import { Http } from '../client/http.js';
import { systemClock } from '../client/clock.js';
import type { SeriesTarget, Unsubscribe, ViewerPort, Workbench, WorkState } from '../contract/index.js';
import { workActions } from './actions.js';
import { Connection } from './connection.js';
import type { SharedData } from './data.js';
import type { Environment } from './environment.js';
import { KeptDrafts } from './kept-drafts.js';
import { Notices } from './notices.js';
import { OwnSessions } from './own-sessions.js';
import type { KeyValueStorage } from './stored-list.js';
import { Saves } from './saving.js';
import { selector } from './select.js';
import { SeriesController } from './series-controller.js';
import { Store } from './store.js';

export interface WorkbenchOptions {
  readonly viewer: ViewerPort;
  /** root of the server, e.g. `https://host/medsam2`; default: where the page comes from */
  readonly server?: string;
  /** name of the PACS on the server; default: its first */
  readonly pacs?: string;
  /** default: the page's own */
  readonly fetch?: typeof fetch;
  /** default: the page's own */
  readonly clock?: Clock;
  /** remembers which sessions are this browser's; default: for as long as the page is open */
  readonly storage?: KeyValueStorage;
  /** of the tab, for drawings that are not sent yet; default: they live for as long as the page does */
  readonly tabStorage?: KeyValueStorage;
}

const initial: SharedData = {
  server: { phase: 'connecting' },
  models: [],
  windowChoice: 'viewer',
  direction: 'both',
  promptsVisible: true,
  saves: [],
  notices: [],
};

/** Position changes are told to the server when the user rests on a slice. */
const restMs = 400;

/** Begins to work with a viewer: connects to the server and follows the active viewport until it is closed. */
export function createWorkbench(options: WorkbenchOptions): Workbench {
  return new ViewerWorkbench(options);
}

class ViewerWorkbench implements Workbench {
  readonly actions: Workbench['actions'];
  private readonly ended = new AbortController();
  private readonly env: Environment;
  private readonly saves: Saves;
  private readonly select = selector();
  private readonly listeners = new Set<() => void>();
  private readonly subscriptions: Unsubscribe[] = [];
  private readonly series = new Map<string, SeriesController>();
  private current: SeriesController | undefined;
  private shownPrompts: WorkState['prompts'] = [];
  private cancelRest: (() => void) | undefined;

  constructor({ viewer, server, pacs, storage, tabStorage, ...given }: WorkbenchOptions) {
    const clock = given.clock ?? systemClock();
    const fetchPage: typeof fetch = (...request) => fetch(...request);
    const http = new Http({
      fetch: given.fetch ?? fetchPage,
      clock,
      authorization: () => viewer.authorization(),
      ...(server === undefined ? {} : { server }),
    });
    const api = new Api(http);
    const shared = new Store<SharedData>(initial);
    const connection = new Connection({
      api,
      clock,
      authorization: () => viewer.authorization(),
      onState: (state) => this.serverChanged(state),
      onOnline: (service, models) => {
        shared.set({ service, models });
        this.saves
          .refresh()
          .catch((error: unknown) => this.env.notices.failure('saves', error, () => this.saves.refresh()));
        for (const each of this.series.values()) each.online();
      },
    });
    this.env = {
      api,
      connection,
      viewer,
      clock,
      shared,
      notices: new Notices(shared),
      ownSessions: new OwnSessions(storage),
      keptDrafts: new KeptDrafts(tabStorage),
      signal: this.ended.signal,
      ...(pacs === undefined ? {} : { pacs }),
    };
    this.saves = new Saves(this.env);
    this.actions = workActions(this.env, () => this.current);
    this.follow(viewer);
    connection.start();
  }

  getState(): WorkState {
    return this.select(this.env.shared.get(), this.current?.work.data.get());
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.ended.abort();
    this.env.connection.close();
    this.cancelRest?.();
    for (const unsubscribe of this.subscriptions.splice(0)) unsubscribe();
    for (const each of this.series.values()) each.close();
    this.listeners.clear();
  }

  private follow(viewer: ViewerPort): void {
    const { shared, notices } = this.env;
    this.subscriptions.push(
      shared.subscribe(() => this.changed()),
      viewer.onTargetChange(() => this.targetChanged()),
      viewer.onPositionChange(() => this.positionChanged()),
      viewer.onToolChange(() => this.toolChanged()),
      viewer.onPromptDrawn((drawn) => this.current?.prompting.drawn(drawn)),
      viewer.onPromptRemoved((id) => void this.current?.prompting.remove(id)),
      viewer.onEdited((edited) => this.current?.editing.edited(edited)),
      viewer.onDrawingRefused((text) => {
        notices.add({ about: 'drawing', severity: 'warning', text });
        viewer.announce(text, 'warning');
      }),
    );
    shared.set({ tool: viewer.tool(), position: viewer.position() });
    this.targetChanged();
  }

  /** A tool was chosen, in the panel or the viewer's own way. */
  private toolChanged(): void {
    const { viewer, shared } = this.env;
    const tool = viewer.tool();
    if (tool === shared.get().tool) return;
    shared.set({ tool });
    if (tool !== undefined) void this.current?.prepare(tool);
  }

  private targetChanged(): void {
    const { viewer, shared } = this.env;
    const target = viewer.target();
    const before = this.current;
    if ('reason' in target) {
      this.current = undefined;
      before?.leave();
      shared.set({ noTarget: target.reason, position: undefined });
    } else {
      this.current = this.controllerOf(target);
      if (before !== this.current) before?.leave();
      shared.set({ noTarget: undefined, position: viewer.position() });
      this.current.enter(target, before !== this.current);
    }
    this.changed();
  }

  private controllerOf(target: SeriesTarget): SeriesController {
    const known = this.series.get(target.displaySetId);
    if (known !== undefined) return known;
    const controller = new SeriesController(this.env, target, this.saves);
    this.series.set(target.displaySetId, controller);
    this.subscriptions.push(
      controller.work.data.subscribe(() => {
        if (this.current === controller) this.changed();
      }),
    );
    return controller;
  }

  private positionChanged(): void {
    const { viewer, shared, clock } = this.env;
    shared.set({ position: viewer.position() });
    this.cancelRest?.();
    this.cancelRest = clock.after(restMs, () => this.current?.moved());
  }

  private serverChanged(state: SharedData['server']): void {
    const { shared, viewer } = this.env;
    const before = shared.get().server.phase;
    shared.set({ server: state });
    // The viewer may show nothing of the study either, and then no panel.
    if (state.phase === 'offline' && state.problem.code === 'not-allowed' && before === 'connecting') {
      viewer.announce({ problem: state.problem }, 'error');
    }
    if (this.current?.work.sessionId === undefined || before !== 'online') return;
    if (state.phase === 'offline') viewer.announce({ key: 'notice.offline' }, 'warning');
    if (state.phase === 'login-needed') viewer.announce({ key: 'notice.login' }, 'warning');
  }

  private changed(): void {
    const { prompts } = this.getState();
    if (prompts !== this.shownPrompts) {
      this.shownPrompts = prompts;
      this.env.viewer.showPrompts(prompts);
    }
    for (const listener of [...this.listeners]) listener();
  }
}
