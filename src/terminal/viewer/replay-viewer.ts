import { FRAME_INTERVAL_MS } from '../output/index.js';
import {
  type AgentSelection,
  Playback,
  type PlaybackOptions,
  type Recording,
  type ReplayedAgent,
  ReplayedSession,
} from '../replay/index.js';
import {
  type LayoutKind,
  type PlaybackCommand,
  type PlaybackState,
  samePanes,
  type ViewPane,
} from '../view/index.js';
import { LocalViewer, type ViewerEnd } from './local-viewer.js';

export interface ReplayViewerOptions extends Omit<PlaybackOptions, 'lengthMs'> {
  readonly recording: Recording;
  readonly selection: AgentSelection;
  readonly layout?: LayoutKind;
  /** Leave at the end. */
  readonly exitAtEnd?: boolean;
  readonly signal: AbortSignal;
}

/** Played at a time: keys are looked at in between. */
const SLICE_MS = 8;
const MAX_TIMER_MS = 60_000;
/** A timer that is so late: the process was asleep (C-z), and so is what it plays. */
const ASLEEP_MS = 1000;
/** A way that takes longer is said to. */
const SHORT_WAY_MS = 100;

/** Plays a recording on the terminal of this process, with the keys of a player. */
export class ReplayViewer {
  readonly #options: ReplayViewerOptions;
  readonly #session: ReplayedSession;
  readonly #playback: Playback;
  readonly #viewer: LocalViewer;
  #panes: readonly ViewPane[] = [];
  #state = '';
  /** It is not yet where it should be. */
  #arriving = true;
  /** Since when. */
  #leftMs = Infinity;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Infinity;
  #turn: NodeJS.Immediate | undefined;
  #closed = false;

  /** Throws `NOT_A_TERMINAL` where there is none. */
  constructor(options: ReplayViewerOptions) {
    const { recording, layout, selection } = options;
    const focus = selection.first;
    this.#options = options;
    this.#viewer = new LocalViewer({
      session: 'replay',
      playback: true,
      ...(layout === undefined ? {} : { layout }),
      ...(focus === undefined ? {} : { focus }),
      owner: {
        onInput: () => undefined,
        onPlayback: (command, pane) => this.#command(command, pane),
        onSizes: (sizes) => {
          if (!this.#session.resize(sizes)) return;
          this.#arriving = true;
          this.#goOn();
        },
      },
    });
    this.#session = new ReplayedSession(recording);
    this.#playback = new Playback({ ...options, lengthMs: recording.lengthMs });
  }

  /** Until the user leaves, the terminal is gone, a signal ends it, or, where that is wanted, the recording is over. */
  async run(): Promise<ViewerEnd> {
    const { signal } = this.#options;
    const close = (): void => this.#viewer.close();
    signal.addEventListener('abort', close, { once: true });
    try {
      this.#showPanes();
      const left = this.#viewer.run();
      if (signal.aborted) close();
      else this.#goOn();
      return await left;
    } finally {
      signal.removeEventListener('abort', close);
      this.#close();
    }
  }

  #close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#session.close();
  }

  get #shown(): readonly ReplayedAgent[] {
    return this.#session.agents.filter(({ name }) => this.#options.selection.shows(name));
  }

  get #neighbors(): { readonly lastMs: number; readonly nextMs: number } {
    const shown = this.#shown;
    return {
      lastMs: Math.max(...shown.map(({ lastEventMs }) => lastEventMs)),
      nextMs: Math.min(...shown.map(({ nextEventMs }) => nextEventMs)),
    };
  }

  /** In the next turn of the event loop: who calls may be in the middle of something. */
  #goOn(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#step();
    });
  }

  #step(): void {
    const startMs = performance.now();
    const wasAsleep = startMs - this.#dueMs > ASLEEP_MS;
    if (this.#arriving || wasAsleep) this.#playback.resume(startMs);
    else this.#playback.look(startMs, this.#neighbors);
    const hasTime = (): boolean => performance.now() - startMs < SLICE_MS;
    const isThere = this.#session.advance(this.#playback.positionMs, hasTime);
    this.#arriving = !isThere;
    this.#leftMs = isThere ? Infinity : Math.min(this.#leftMs, startMs);
    this.#dueMs = Infinity;
    this.#showPanes();
    if (!isThere) return this.#goOn();
    if (this.#playback.ended && this.#options.exitAtEnd === true) return this.#viewer.close();
    const neighbors = this.#neighbors;
    const { positionMs } = this.#playback;
    const nextSecondMs = (Math.floor(positionMs / 1000) + 1) * 1000;
    const changes = this.#shown.map(({ nextChangeMs }) => nextChangeMs);
    const waitMs = this.#playback.waitMs(Math.min(nextSecondMs, ...changes), neighbors);
    if (waitMs === Infinity) return undefined;
    const timerMs = Math.min(MAX_TIMER_MS, Math.max(FRAME_INTERVAL_MS, waitMs));
    this.#dueMs = performance.now() + timerMs;
    this.#timer = setTimeout(() => this.#goOn(), timerMs);
    return undefined;
  }

  #showPanes(): void {
    const shown = this.#shown.map(({ pane }) => pane);
    if (!samePanes(shown, this.#panes)) {
      this.#panes = shown;
      this.#viewer.setPanes(shown);
    }
    const state: PlaybackState = {
      paused: this.#playback.paused,
      seeking: performance.now() - this.#leftMs > SHORT_WAY_MS,
      positionMs: this.#playback.positionMs,
      lengthMs: this.#session.lengthMs,
      speed: this.#playback.speed,
      hidden: this.#session.agents.length - shown.length,
    };
    // Told once a second: in between it looks the same.
    const { positionMs, lengthMs } = state;
    const key = `${JSON.stringify({ ...state, positionMs: 0 })} ${Math.floor(positionMs / 1000)} ${positionMs >= lengthMs}`;
    if (key !== this.#state) {
      this.#state = key;
      this.#viewer.setPlayback(state);
    }
    for (const { name } of shown) this.#viewer.paneChanged(name);
  }

  #command(command: PlaybackCommand, pane: string): void {
    const { selection } = this.#options;
    if (command === 'solo') selection.toggleSolo(pane);
    else if (command === 'all') selection.showAll();
    else if (command === 'mute') {
      if (!selection.mute(pane)) this.#viewer.notify('the last one that is shown stays');
    } else this.#play(command);
    this.#showPanes();
    this.#goOn();
  }

  #play(command: PlaybackCommand): void {
    const neighbors = this.#neighbors;
    // On the way nobody knows yet what comes after it.
    if (this.#arriving && command === 'step') return;
    if (!this.#arriving) this.#playback.look(performance.now(), neighbors);
    this.#playback.command(command, neighbors.nextMs);
    this.#session.seek(this.#playback.positionMs);
    this.#arriving = true;
  }
}
