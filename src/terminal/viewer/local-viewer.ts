import {
  FramePacer,
  type TerminalCapabilities,
  UserTerminal,
  type UserTerminalEvents,
  askTerminal,
  clipboardSequence,
} from '../output/index.js';
import { transcriptOf } from '../lines/index.js';
import {
  ESCAPE_TIMEOUT_MS,
  type LayoutKind,
  type PlaybackCommand,
  type PlaybackState,
  Presenter,
  type ViewAction,
  type ViewPane,
} from '../view/index.js';

/** Why a viewer ended. */
export type ViewerEnd = 'detach' | 'hangup' | 'signal';

/** What the owner of the panes does for a viewer. */
export interface ViewerOwner {
  /** Bytes for the program of a pane. */
  onInput(pane: string, bytes: Uint8Array): void;
  /** Start an agent, stop one; left out: the owner does not. */
  onNew?(command: string): void;
  onKill?(pane: string): void;
  /** A key of a player; `pane` is the one in focus. Only where `playback` is set. */
  onPlayback?(command: PlaybackCommand, pane: string): void;
  /** The size that programs should have: after a change of layout or terminal. */
  onSizes(sizes: ReadonlyMap<string, { readonly columns: number; readonly rows: number }>): void;
}

/** What a viewer of panes of this process needs. */
export interface LocalViewerOptions {
  readonly session: string;
  readonly owner: ViewerOwner;
  readonly prefixKey?: string;
  readonly layout?: LayoutKind;
  /** What is shown was recorded: keys are those of a player. */
  readonly playback?: boolean;
  /** The pane that has the focus at first. */
  readonly focus?: string;
  /** After the view is left, so many lines of each pane are written behind what the terminal showed before. Default 0. */
  readonly transcriptLines?: number;
  /** Default: the terminal of this process. */
  readonly terminalPath?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Shows panes of this process on its terminal until the user leaves. Frames are paced, and skipped while the terminal
 * has not taken the last one.
 */
export class LocalViewer {
  readonly #terminal: UserTerminal;
  readonly #options: LocalViewerOptions;
  readonly #pacer = new FramePacer();
  #presenter: Presenter | undefined;
  #panes: readonly ViewPane[] = [];
  #sizes = '';
  #playback: PlaybackState | undefined;
  #capabilities: TerminalCapabilities | undefined;
  #hungUp = false;
  #closed = false;
  #frameTimer: NodeJS.Timeout | undefined;
  #escapeTimer: NodeJS.Timeout | undefined;
  #end: ((end: ViewerEnd) => void) | undefined;

  /** Throws NOT_A_TERMINAL where there is none. */
  constructor(options: LocalViewerOptions) {
    this.#options = options;
    this.#terminal = new UserTerminal(options.terminalPath);
  }

  /** All panes, whenever one comes, goes or says something else of itself. */
  setPanes(panes: readonly ViewPane[]): void {
    this.#panes = panes;
    this.#presenter?.view.setPanes(panes);
    this.#tellSizes();
    this.#schedule();
  }

  /** Where the recording stands: for the status line. */
  setPlayback(state: PlaybackState): void {
    this.#playback = state;
    this.#presenter?.view.setPlayback(state);
    this.#schedule();
  }

  /** A few words in the status line, until the next key. */
  notify(text: string): void {
    this.#presenter?.view.notify(text);
    this.#schedule();
  }

  /** The content of a pane changed. */
  paneChanged(name: string): void {
    if (this.#presenter?.view.focusedPane === name) this.#pacer.focusChanged(performance.now());
    this.#schedule();
  }

  /** Shows the panes. Resolves when the user leaves, the terminal is gone, or a signal ends the process. */
  async run(): Promise<ViewerEnd> {
    const ended = new Promise<ViewerEnd>((resolve) => {
      this.#end = resolve;
    });
    const onSignal = (): void => this.#end?.('signal');
    const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;
    for (const signal of signals) process.on(signal, onSignal);
    try {
      const environment = this.#options.environment ?? process.env;
      const { capabilities, early } = await askTerminal(
        this.#terminal,
        environment,
        this.#events(),
      );
      // It may be over before it began: a terminal that was put back is not taken again.
      if (!this.#closed) this.#start(capabilities);
      for (const bytes of early) this.#input(bytes);
      return await ended;
    } finally {
      for (const signal of signals) process.removeListener(signal, onSignal);
      let transcript: Uint8Array | undefined;
      try {
        transcript = this.#transcript();
      } finally {
        this.close();
      }
      // On standard output, which blocks as a terminal does: all of it comes before the prompt.
      if (transcript !== undefined) process.stdout.write(transcript);
    }
  }

  /** Puts the terminal back. Twice is harmless. */
  close(): void {
    clearTimeout(this.#frameTimer);
    clearTimeout(this.#escapeTimer);
    this.#presenter = undefined;
    this.#closed = true;
    this.#terminal.leave();
    this.#end?.('detach');
  }

  /** Undefined where nobody would see it. */
  #transcript(): Uint8Array | undefined {
    const { transcriptLines: lines = 0 } = this.#options;
    const pen = this.#capabilities;
    if (lines === 0 || pen === undefined || this.#hungUp) return undefined;
    return transcriptOf(this.#panes, { lines, columns: this.#terminal.size.columns, pen });
  }

  #events(): UserTerminalEvents {
    return {
      onInput: (bytes) => this.#input(bytes),
      onIdle: () => this.#schedule(),
      onResize: () => this.#resized(),
      onHangup: () => {
        this.#hungUp = true;
        this.#end?.('hangup');
      },
    };
  }

  #start(capabilities: TerminalCapabilities): void {
    const { session, prefixKey, layout, playback, focus } = this.#options;
    this.#capabilities = capabilities;
    const { kittyKeyboard } = capabilities;
    this.#terminal.enter({ alternateScreen: true, mouse: true, kittyKeyboard });
    this.#presenter = new Presenter(
      {
        ...this.#terminal.size,
        session,
        ...(prefixKey === undefined ? {} : { prefixKey }),
        ...(layout === undefined ? {} : { layout }),
        ...(playback === true ? { purpose: 'playback' } : {}),
      },
      capabilities,
    );
    this.#presenter.view.setPanes(this.#panes);
    if (focus !== undefined) this.#presenter.view.focus(focus);
    if (this.#playback !== undefined) this.#presenter.view.setPlayback(this.#playback);
    this.#tellSizes();
    this.#draw();
  }

  #input(bytes: Uint8Array): void {
    const presenter = this.#presenter;
    if (presenter === undefined) return;
    clearTimeout(this.#escapeTimer);
    this.#act(presenter.feed(bytes));
    if (!presenter.escapePending) return;
    this.#escapeTimer = setTimeout(() => this.#act(presenter.timeout()), ESCAPE_TIMEOUT_MS);
  }

  #act(actions: readonly ViewAction[]): void {
    for (const action of actions) this.#do(action);
    this.#tellSizes();
    this.#schedule();
  }

  #do(action: ViewAction): void {
    const { owner } = this.#options;
    switch (action.type) {
      case 'input':
        this.#pacer.keySent(performance.now());
        return owner.onInput(action.pane, action.bytes);
      case 'new':
        return owner.onNew?.(action.command);
      case 'kill':
        return owner.onKill?.(action.pane);
      case 'copy':
        return this.#copy(action.text);
      case 'suspend':
        return this.#terminal.suspend();
      case 'detach':
        return this.#end?.('detach');
      case 'playback':
        return owner.onPlayback?.(action.command, action.pane);
      case 'answer-copy':
      case 'focus':
      case 'redraw':
        return undefined;
    }
  }

  #copy(text: string): void {
    const sequence = clipboardSequence(text);
    const written =
      sequence !== undefined && this.#terminal.frames.writeControl(Buffer.from(sequence));
    if (!written) this.#presenter?.view.notify('too long for the clipboard of a terminal');
  }

  #resized(): void {
    if (this.#presenter === undefined) return;
    const { columns, rows } = this.#terminal.size;
    this.#presenter.resize(columns, rows);
    this.#tellSizes();
    this.#draw();
  }

  #tellSizes(): void {
    const { view } = this.#presenter ?? {};
    if (view === undefined) return;
    const sizes = new Map<string, { readonly columns: number; readonly rows: number }>();
    for (const { name } of this.#panes) {
      const size = view.paneSize(name);
      if (size !== undefined) sizes.set(name, size);
    }
    const text = JSON.stringify([...sizes]);
    if (text === this.#sizes) return;
    this.#sizes = text;
    this.#options.owner.onSizes(sizes);
  }

  /** Draws when the next frame is due; what changes until then is in it. */
  #schedule(): void {
    const presenter = this.#presenter;
    if (presenter === undefined || this.#terminal.frames.busy || !presenter.view.changed) return;
    const delayMs = this.#pacer.delayMs(performance.now());
    if (delayMs === 0) return this.#draw();
    this.#frameTimer ??= setTimeout(() => this.#draw(), delayMs);
    return undefined;
  }

  /** While the terminal has not taken the last frame this one is skipped: `onIdle` draws the newest then. */
  #draw(): void {
    clearTimeout(this.#frameTimer);
    this.#frameTimer = undefined;
    const presenter = this.#presenter;
    if (presenter === undefined || this.#terminal.frames.busy) return;
    this.#pacer.frameDrawn(performance.now());
    this.#terminal.frames.writeFrame(presenter.frame().bytes);
  }
}
