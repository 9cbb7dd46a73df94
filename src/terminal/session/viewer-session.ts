import type { TerminalSize } from '../../ffi/index.js';
import { clipboardSequence, FramePacer, type TerminalCapabilities } from '../output/index.js';
import type { CopyAnswer, CopyRequest } from '../policy/index.js';
import {
  ESCAPE_TIMEOUT_MS,
  type LayoutKind,
  type PaneState,
  nameColor,
  Presenter,
  sizeOfText,
  type ViewAction,
  type ViewPane,
} from '../view/index.js';
import type { AgentInfo, SessionPane } from './session-pane.js';

export interface ViewerSessionOptions {
  readonly session: string;
  readonly size: TerminalSize;
  readonly capabilities: TerminalCapabilities;
  readonly layout: LayoutKind | undefined;
  readonly prefixKey: string | undefined;
  /** The pane that has the keys at first; without it the first one. */
  readonly focus?: string | undefined;
}

/** What a viewer asks of the session, and what it sends to its terminal. */
export interface ViewerOwner {
  /** Written whole before the next one is asked for; valid during the call. */
  sendFrame(bytes: Uint8Array): void;
  /** Into the clipboard of the user's terminal. */
  copy(text: string): void;
  /** False when somebody else has answered before. */
  answerCopy(pane: string, request: CopyRequest, answer: CopyAnswer): boolean;
  suspend(): void;
  leave(reason: 'detach' | 'ended'): void;
  input(pane: string, bytes: Uint8Array): void;
  start(command: string): Promise<string>;
  stop(pane: string): void;
  /** This viewer was used last: programs get the sizes of its panes. */
  used(viewer: ViewerSession): void;
  looked(pane: string): void;
}

/**
 * One user's view, in the process that has the screens; the terminal is at the other end of a socket. **One frame is
 * under way at a time**: the next one is composed when the viewer says that the last was written whole, from the screens
 * as they are then. So a slow terminal skips pictures, holds nobody up, and needs no memory here.
 */
export class ViewerSession {
  readonly #owner: ViewerOwner;
  readonly #presenter: Presenter;
  readonly #pacer = new FramePacer();
  #frameTimer: NodeJS.Timeout | undefined;
  #escapeTimer: NodeJS.Timeout | undefined;
  #inFlight = false;
  #closed = false;
  /** Until there are panes. */
  #firstFocus: string | undefined;

  constructor(options: ViewerSessionOptions, owner: ViewerOwner) {
    const { session, size, capabilities, layout, prefixKey, focus } = options;
    this.#owner = owner;
    this.#firstFocus = focus;
    this.#presenter = new Presenter(
      {
        ...size,
        session,
        ...(layout === undefined ? {} : { layout }),
        ...(prefixKey === undefined ? {} : { prefixKey }),
      },
      capabilities,
    );
  }

  get focusedPane(): string | undefined {
    return this.#presenter.view.focusedPane;
  }

  /** All panes, whenever one comes, goes or says something else of itself. */
  setPanes(panes: readonly SessionPane[]): void {
    const { view } = this.#presenter;
    view.setPanes(panes.map(viewPane));
    const first = this.#firstFocus;
    this.#firstFocus = undefined;
    // Before a frame is drawn, and before another pane counts as seen.
    if (first !== undefined) this.focus(first);
    if (view.focusedPane !== undefined) this.#owner.looked(view.focusedPane);
    this.#schedule();
  }

  focus(pane: string): void {
    this.#act(this.#presenter.view.focus(pane));
  }

  notify(text: string): void {
    this.#presenter.view.notify(text);
    this.#schedule();
  }

  /** An agent wrote the clipboard, as it may: the user is told. */
  copy(pane: string, text: string): void {
    if (this.#copy(text)) this.notify(`${pane} copied ${sizeOfText(text)} to your clipboard`);
  }

  paneChanged(name: string): void {
    if (this.focusedPane === name) this.#pacer.focusChanged(performance.now());
    this.#schedule();
  }

  /** Size that the program of a pane should have; undefined for one that is not seen here. */
  paneSize(name: string): TerminalSize | undefined {
    return this.#presenter.view.paneSize(name);
  }

  /** Bytes of the user's terminal. */
  input(bytes: Uint8Array): void {
    clearTimeout(this.#escapeTimer);
    this.#act(this.#presenter.feed(bytes));
    if (this.#closed || !this.#presenter.escapePending) return;
    this.#escapeTimer = setTimeout(() => this.#act(this.#presenter.timeout()), ESCAPE_TIMEOUT_MS);
  }

  resize({ columns, rows }: TerminalSize): void {
    this.#presenter.resize(columns, rows);
    this.#presenter.redraw();
    this.#owner.used(this);
    this.#draw();
  }

  /** The session ends. */
  end(): void {
    this.#owner.leave('ended');
  }

  /** The frame that was under way is on the terminal. */
  drawn(): void {
    this.#inFlight = false;
    this.#schedule();
  }

  /** Twice is harmless. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#frameTimer);
    clearTimeout(this.#escapeTimer);
  }

  #act(actions: readonly ViewAction[]): void {
    for (const action of actions) this.#do(action);
    if (this.#closed) return;
    // That the user went to another terminal is no use of this one.
    if (this.#presenter.view.hasFocus) this.#owner.used(this);
    this.#schedule();
  }

  #do(action: ViewAction): void {
    switch (action.type) {
      case 'input':
        this.#pacer.keySent(performance.now());
        return this.#owner.input(action.pane, action.bytes);
      case 'focus':
        return this.#owner.looked(action.pane);
      case 'new':
        this.#owner.start(action.command).then(
          (name) => this.focus(name),
          (error: unknown) => this.notify((error as Error).message),
        );
        return undefined;
      case 'kill':
        return this.#owner.stop(action.pane);
      case 'copy':
        return void this.#copy(action.text);
      case 'answer-copy':
        return this.#answerCopy(action.pane, action.request, action.answer);
      case 'suspend':
        return this.#owner.suspend();
      case 'detach':
        return this.#owner.leave('detach');
      case 'playback':
      case 'redraw':
        return undefined;
    }
  }

  /** Whether the terminal takes it; the user is told when it does not. */
  #copy(text: string): boolean {
    const fits = clipboardSequence(text) !== undefined;
    if (fits) this.#owner.copy(text);
    else this.notify(`${sizeOfText(text)} are too long for the clipboard of a terminal`);
    return fits;
  }

  #answerCopy(pane: string, request: CopyRequest, answer: CopyAnswer): void {
    if (!this.#owner.answerCopy(pane, request, answer)) {
      this.notify(`what ${pane} wanted to copy was answered before`);
    } else if (answer !== 'no') this.copy(pane, request.text);
  }

  #schedule(): void {
    if (this.#closed || this.#inFlight || !this.#presenter.view.changed) return;
    const delayMs = this.#pacer.delayMs(performance.now());
    if (delayMs === 0) return this.#draw();
    this.#frameTimer ??= setTimeout(() => this.#draw(), delayMs);
    return undefined;
  }

  #draw(): void {
    clearTimeout(this.#frameTimer);
    this.#frameTimer = undefined;
    if (this.#closed || this.#inFlight) return;
    const { bytes } = this.#presenter.frame();
    this.#pacer.frameDrawn(performance.now());
    if (bytes.byteLength === 0) return;
    this.#inFlight = true;
    this.#owner.sendFrame(bytes);
  }
}

export function viewPane(pane: SessionPane, index: number): ViewPane {
  const info = pane.info();
  return {
    name: pane.name,
    color: nameColor(index),
    state: paneState(info),
    note: noteOf(info),
    content: pane.screen,
    copyRequest: pane.clipboard.pending,
  };
}

function paneState({ status, attention, exitCode, signal }: AgentInfo): PaneState {
  if (status === 'ended') return signal === undefined && exitCode === 0 ? 'done' : 'failed';
  if (status === 'lost') return 'failed';
  return attention.state === 'idle' ? 'quiet' : attention.state;
}

function noteOf({ status, attention, log, title }: AgentInfo): string {
  if (log.problem !== '') return `log: ${log.problem}`;
  if (status === 'lost') return 'its publisher is gone';
  if (status === 'restarting') return `${attention.text}, starts again`;
  // What is only guessed says so.
  const isGuess = attention.source === 'guess' && attention.state === 'waits';
  if (attention.text === '') return title;
  return isGuess ? `${attention.text}?` : attention.text;
}
