import {
  type Key,
  type InputEvent,
  type MouseEvent,
  encodeKey,
  encodePaste,
  keyName,
  keyOf,
  parseKeyName,
  sameKey,
} from '../input/index.js';
import { Arrangement } from './arrangement.js';
import { type Command, commandOf } from './commands.js';
import { Composer, type Composition } from './composer.js';
import type { Rect } from './grid-layout.js';
import type { LayoutKind } from './layout.js';
import type { PaneView } from './pane-view.js';
import { leavesPlayback, playbackCommandOf } from './playback-keys.js';
import type { PlaybackState } from './playback-status.js';
import { Pointer } from './pointer.js';
import { Prompt } from './prompt.js';
import { copyQuestion, type Question, sizeOfText, stopQuestion } from './question.js';
import type { ScrollResult } from './scroll-state.js';
import type { Status } from './status-line.js';
import { messageOf } from './status-message.js';
import { INK } from './theme.js';
import type { PaneState, ViewAction, ViewPane } from './view-pane.js';
import { helpFor, hintFor, isMeantFor, type ViewPurpose } from './view-purpose.js';

export interface ViewOptions {
  /** Of the terminal, in cells: at least 1. */
  readonly columns: number;
  readonly rows: number;
  /** What the status line calls it all. */
  readonly session: string;
  /**
   * The key before a command, as `parseKeyName` takes it. Default C-g: a shell only beeps at it, and neither tmux,
   * screen nor zellij take it from a terminal inside them.
   */
  readonly prefixKey?: string;
  readonly layout?: LayoutKind;
  /** Default: session. */
  readonly purpose?: ViewPurpose;
}

const encoder = new TextEncoder();

/**
 * One user's view of many panes: turns what is pressed into actions, and panes into one picture. It knows no terminal,
 * no process and no clock: events and panes are given to it, and pictures are taken from it.
 */
export class View {
  readonly #session: string;
  readonly #prefix: Key;
  readonly #purpose: ViewPurpose;
  readonly #arrangement: Arrangement;
  readonly #composer: Composer;
  readonly #pointer: Pointer;
  #columns: number;
  #rows: number;
  #prefixed = false;
  #help = false;
  #prompt: Prompt | undefined;
  #question: Question | undefined;
  #notice = '';
  #hasFocus = true;
  #playback: PlaybackState | undefined;
  /** Lines, titles or the status line changed. */
  #decorated = false;
  #actions: ViewAction[] = [];

  /** Throws RangeError for a prefix key that is none. */
  constructor(options: ViewOptions) {
    this.#session = options.session;
    this.#prefix = parseKeyName(options.prefixKey ?? 'C-g');
    this.#purpose = options.purpose ?? 'session';
    this.#columns = options.columns;
    this.#rows = options.rows;
    this.#arrangement = new Arrangement(options.layout ?? 'grid', this.#area());
    this.#composer = new Composer(options.columns, options.rows);
    this.#pointer = new Pointer(this.#arrangement, {
      isAlone: this.#purpose !== 'session',
      focusOn: (index) => this.#focusOn(() => this.#arrangement.focusOn(index)),
      send: (view, bytes) => this.#send(view, bytes),
      notify: (text) => this.notify(text),
      redecorate: () => {
        this.#decorated = true;
      },
    });
  }

  get layout(): LayoutKind {
    return this.#arrangement.kind;
  }

  get focusedPane(): string | undefined {
    return this.#arrangement.focused?.pane.name;
  }

  /** All panes there are, in order. Called again whenever one comes, goes, or says something else. */
  setPanes(panes: readonly ViewPane[]): void {
    this.#arrangement.setPanes(panes);
    this.#decorated = true;
  }

  resize(columns: number, rows: number): void {
    this.#columns = columns;
    this.#rows = rows;
    this.#arrangement.setArea(this.#area());
    this.#composer.resize(columns, rows);
    this.#decorated = true;
  }

  /** Whether the terminal has the focus of its user, as far as it tells. */
  get hasFocus(): boolean {
    return this.#hasFocus;
  }

  /** Gives a pane the focus; what that asks for. An unknown name changes nothing. */
  focus(name: string): readonly ViewAction[] {
    this.#actions = [];
    const index = this.#arrangement.views.findIndex(({ pane }) => pane.name === name);
    this.#focusOn(() => this.#arrangement.focusOn(index));
    return this.#actions;
  }

  setLayout(kind: LayoutKind): void {
    this.#arrangement.setKind(kind);
    this.#decorated = true;
  }

  /** Where the recording stands: in the status line. */
  setPlayback(state: PlaybackState): void {
    this.#playback = state;
    this.#decorated = true;
  }

  /** A few words in the status line, until the next key. */
  notify(text: string): void {
    this.#notice = text;
    this.#decorated = true;
  }

  /** Columns and rows that the program of a pane should have; undefined for one that is not seen. */
  paneSize(name: string): { readonly columns: number; readonly rows: number } | undefined {
    const view = this.#arrangement.views.find(({ pane }) => pane.name === name);
    const place = view === undefined ? undefined : this.#arrangement.placeOf(view);
    if (place === undefined) return undefined;
    return { columns: Math.max(1, place.body.columns), rows: Math.max(1, place.body.rows) };
  }

  /** Whether a new picture would differ from the last one. */
  get changed(): boolean {
    if (this.#decorated) return true;
    const { views, layout } = this.#arrangement;
    for (const index of layout.places.keys()) if (views[index]?.wantsDrawing === true) return true;
    return false;
  }

  /** The picture of now. The grid is used again for the next one. */
  compose(): Composition {
    const decorate = this.#decorated;
    this.#decorated = false;
    const surroundings = {
      status: this.#status(),
      prompting: this.#prompt !== undefined,
      help: this.#help ? helpFor(this.#purpose, keyName(this.#prefix)) : undefined,
    };
    return this.#composer.compose(this.#arrangement, surroundings, decorate);
  }

  /** What an event asks for, in order. */
  handle(event: InputEvent): readonly ViewAction[] {
    this.#actions = [];
    if (event.type === 'reply') return [];
    this.#hasFocus = event.type !== 'focus' || event.focused;
    if (event.type === 'focus') this.#tellFocus(this.#arrangement.focused, event.focused);
    else if (event.type === 'mouse') this.#handleMouse(event);
    else {
      if (this.#notice !== '' || !this.#isForProgram(event)) this.#decorated = true;
      this.#notice = '';
      this.#handleTyped(event);
    }
    return this.#actions;
  }

  #area(): Rect {
    return { column: 0, row: 0, columns: this.#columns, rows: Math.max(0, this.#rows - 1) };
  }

  /** It goes to the program in focus and nowhere else: nothing looks different before the program has answered. */
  #isForProgram(event: Exclude<InputEvent, MouseEvent>): boolean {
    const isAsking = this.#prompt !== undefined || this.#help || this.#question !== undefined;
    if (this.#purpose !== 'session' || isAsking || this.#prefixed) return false;
    if (event.type !== 'key') return false;
    const { key } = event;
    const scrolls = key.name === 'PageUp' && key.shift;
    if (scrolls || this.#arrangement.focused?.scroll !== undefined) return false;
    return !sameKey(key, this.#prefix);
  }

  #handleTyped(event: Exclude<InputEvent, MouseEvent>): void {
    if (this.#prompt !== undefined) return this.#handlePrompt(this.#prompt, event);
    if (event.type === 'paste') return this.#paste(event.text);
    if (event.type !== 'key') return undefined;
    const { key } = event;
    if (event.action === 'release') return undefined;
    if (this.#help) this.#help = false;
    else if (this.#question !== undefined) this.#answer(this.#question, key);
    else if (this.#prefixed) this.#handlePrefixed(key);
    else if (sameKey(key, this.#prefix)) this.#prefixed = true;
    else this.#handlePaneKey(key);
    return undefined;
  }

  #answer(question: Question, key: Key): void {
    this.#question = undefined;
    const action = question.answer(key);
    if (action !== undefined) this.#actions.push(action);
  }

  #handlePrompt(prompt: Prompt, event: InputEvent): void {
    const result = prompt.handle(event);
    if (result === 'open') return;
    this.#prompt = undefined;
    if (result === 'dropped' || prompt.text === '') return;
    if (prompt.purpose === 'new') this.#actions.push({ type: 'new', command: prompt.text });
    else this.#search(prompt.text, prompt.purpose === 'search-back' ? 'back' : 'on');
  }

  #search(query: string, direction: 'back' | 'on'): void {
    const view = this.#arrangement.focused;
    if (view === undefined) return;
    const found = view.startScroll(this.#bodyRows(view)).search(query, direction);
    view.stale = true;
    if (!found) this.#notice = `nothing found: ${query}`;
  }

  #handlePrefixed(key: Key): void {
    this.#prefixed = false;
    if (sameKey(key, this.#prefix)) return this.#sendKey(key);
    return this.#command(key);
  }

  /** A key that is for the view. */
  #command(key: Key): void {
    const digit = /^[1-9]$/.test(key.name) ? Number(key.name) : 0;
    if (digit > 0) return this.#focusOn(() => this.#arrangement.focusOn(digit - 1));
    const command = commandOf(key);
    if (command !== undefined && isMeantFor(this.#purpose, command)) this.#run(command);
    else if (key.name !== 'Escape')
      this.#notice = `${keyName(key)} means nothing here: ? shows all keys`;
    return undefined;
  }

  #play(key: Key): void {
    const command = playbackCommandOf(key);
    const pane = this.#arrangement.focused?.pane.name ?? '';
    if (leavesPlayback(key)) this.#actions.push({ type: 'detach' });
    else if (command !== undefined) this.#actions.push({ type: 'playback', command, pane });
    else this.#command(key);
  }

  #run(command: Command): void {
    const arrangement = this.#arrangement;
    switch (command) {
      case 'next':
      case 'previous':
        return this.#focusOn(() => arrangement.focusBy(command === 'next' ? 1 : -1));
      case 'waiting':
        return this.#focusWaiting();
      case 'left':
      case 'right':
      case 'up':
      case 'down':
        return this.#focusOn(() => arrangement.focusToward(command));
      case 'zoom':
        return arrangement.toggleZoom();
      case 'grid':
      case 'focus':
        return arrangement.setKind(command);
      case 'layout':
        return arrangement.nextKind();
      case 'wider':
      case 'narrower':
        return arrangement.resizeFocused('columns', command === 'wider' ? 1 : -1);
      case 'taller':
      case 'lower':
        return arrangement.resizeFocused('rows', command === 'taller' ? 1 : -1);
      case 'scroll':
        return this.#startScroll();
      case 'search':
        return this.#ask('search-back', 'search back:');
      case 'new':
        return this.#ask('new', 'start an agent:');
      case 'kill':
        return this.#askToStop();
      case 'answer':
        return this.#askToCopy();
      case 'help':
        this.#help = true;
        return undefined;
      case 'redraw':
      case 'suspend':
      case 'detach':
        this.#actions.push({ type: command });
        return undefined;
    }
  }

  #ask(purpose: Prompt['purpose'], label: string): void {
    if (purpose !== 'new' && this.#arrangement.focused === undefined) return;
    this.#prompt = new Prompt(purpose, label);
  }

  #askToStop(): void {
    const { focused } = this.#arrangement;
    if (focused !== undefined) this.#question = stopQuestion(focused.pane.name);
  }

  #askToCopy(): void {
    const pane = this.#arrangement.focused?.pane;
    if (pane?.copyRequest === undefined) this.#notice = 'it wants to copy nothing';
    else this.#question = copyQuestion(pane.name, pane.copyRequest);
  }

  #focusOn(move: () => boolean): void {
    const before = this.#arrangement.focused;
    if (!move()) return;
    this.#decorated = true;
    const now = this.#arrangement.focused;
    if (this.#hasFocus) {
      this.#tellFocus(before, false);
      this.#tellFocus(now, true);
    }
    if (now !== undefined) this.#actions.push({ type: 'focus', pane: now.pane.name });
  }

  /** The next one after the pane in focus, so that pressing it again goes through all of them. */
  #focusWaiting(): void {
    const { views, focus } = this.#arrangement;
    for (let step = 1; step <= views.length; step += 1) {
      const index = (focus + step) % views.length;
      if (views[index]?.pane.state !== 'waits') continue;
      return this.#focusOn(() => this.#arrangement.focusOn(index));
    }
    this.#notice = 'nobody waits for you';
    return undefined;
  }

  #tellFocus(view: PaneView | undefined, focused: boolean): void {
    if (view === undefined || !view.pane.content.modes.focusEvents) return;
    this.#send(view, focused ? '\u001b[I' : '\u001b[O');
  }

  #send(view: PaneView, input: string | Uint8Array): void {
    const bytes = typeof input === 'string' ? encoder.encode(input) : input;
    if (this.#purpose !== 'session') return;
    if (bytes.length > 0) this.#actions.push({ type: 'input', pane: view.pane.name, bytes });
  }

  #sendKey(key: Key): void {
    const view = this.#arrangement.focused;
    if (view !== undefined) this.#send(view, encodeKey(key, view.pane.content.modes));
  }

  #paste(text: string): void {
    const view = this.#arrangement.focused;
    if (view === undefined || this.#help || this.#question !== undefined) return;
    view.endScroll();
    this.#send(view, encodePaste(text, view.pane.content.modes));
  }

  #bodyRows(view: PaneView): number {
    return Math.max(1, this.#arrangement.placeOf(view)?.body.rows ?? 1);
  }

  #startScroll(): void {
    const view = this.#arrangement.focused;
    if (view !== undefined) view.startScroll(this.#bodyRows(view));
  }

  #handlePaneKey(key: Key): void {
    const view = this.#arrangement.focused;
    if (view?.scroll !== undefined) return this.#afterScrollKey(view, view.scroll.handle(key));
    if (this.#purpose === 'playback') return this.#play(key);
    if (view === undefined) return undefined;
    if (key.name === 'PageUp' && key.shift) {
      view.startScroll(this.#bodyRows(view)).handle(keyOf('PageUp'));
    } else this.#sendKey(key);
    return undefined;
  }

  #afterScrollKey(view: PaneView, result: ScrollResult): void {
    view.stale = true;
    switch (result.type) {
      case 'leave':
        return view.endScroll();
      case 'search-back':
        return this.#ask('search-back', 'search back:');
      case 'search-on':
        return this.#ask('search-on', 'search on:');
      case 'not-found':
        this.#notice = 'nothing found';
        return undefined;
      case 'copy':
        view.endScroll();
        this.#actions.push({ type: 'copy', text: result.text });
        this.#notice = `copied ${sizeOfText(result.text)}`;
        return undefined;
      default:
        return undefined;
    }
  }

  #handleMouse(event: MouseEvent): void {
    if (!this.#help && this.#prompt === undefined) this.#pointer.handle(event);
  }

  #status(): Status {
    const { views, layout, focused } = this.#arrangement;
    const {
      mode,
      message,
      urgent = false,
    } = messageOf({
      prompt: this.#prompt,
      question: this.#question,
      notice: this.#notice,
      isPrefixed: this.#prefixed,
      prefix: keyName(this.#prefix),
      purpose: this.#purpose,
      focused,
      isZoomed: this.#arrangement.kind === 'zoom',
    });
    const isWaiting = ({ pane }: PaneView): boolean => pane.state === ('waits' satisfies PaneState);
    return {
      session: this.#session,
      mode,
      message,
      messageInk: urgent ? INK.alert : INK.plain,
      typed: this.#prompt?.line,
      agents: views.length,
      waiting: views.filter(isWaiting).map(({ pane }) => pane.name),
      page: layout.pages > 1 ? `${layout.page + 1}/${layout.pages}` : '',
      hint: hintFor(this.#purpose, keyName(this.#prefix)),
      playback: this.#playback,
    };
  }
}
