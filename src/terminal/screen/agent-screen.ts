import type { CellGrid, PaneContent, PaneCursor, PaneModes } from '../cells/index.js';
import { DEFAULT_PERMISSIONS, type Permissions, RateLimit } from '../policy/index.js';
import { KittyKeyboard } from './kitty-keyboard.js';
import { Picture } from './picture.js';
import { SavedCursor } from './saved-cursor.js';
import { ScreenLinks } from './screen-links.js';
import { ScreenWriter } from './screen-writer.js';
import {
  answerQueries,
  avoidFaults,
  boundRepetitions,
  followKeyboard,
  followLinks,
  followModes,
  type HandlerContext,
} from './sequence-handlers.js';
import { takeSignals } from './signal-handlers.js';
import type { ScreenSignal } from './signals.js';
import { Xterm } from './xterm.js';
import type { XtermBuffer } from './xterm-core.js';

/** Its size, what its program may do, and where answers and signals go. */
export interface AgentScreenOptions {
  /** At least 2. */
  readonly columns: number;
  readonly rows: number;
  readonly permissions?: Permissions;
  /** Lines that can be scrolled back to: so many, and as many as fit into so many bytes. */
  readonly maxHistoryLines?: number;
  readonly maxHistoryBytes?: number;
  /**
   * What is shown while a synchronized update is drawn. True, the default: the picture before it; where they come faster
   * than anybody looks, the one that was looked at last, which costs nothing. 'exactly': always the picture before it,
   * whoever looks when; of more than 500 in a second the rest is not held. False: what is drawn, as it comes.
   */
  readonly holdUpdates?: boolean | 'exactly';
  /** Told to programs that ask (OSC 10, 11), as 0xRRGGBB. */
  readonly foreground?: number;
  readonly background?: number;
  /** What goes back to the program that asked, to nobody else. Called inside `write`. */
  readonly onAnswer?: (text: string) => void;
  /** Called inside `write`. */
  readonly onSignal?: (signal: ScreenSignal) => void;
  /** The picture changed although nothing was written: a synchronized update took too long. */
  readonly onTimeout?: () => void;
  /** Milliseconds that only grow. */
  readonly now?: () => number;
  /** Calls once, so many milliseconds of `now` later, unless what it returned is called before. Default: a timer. */
  readonly after?: (ms: number, call: () => void) => () => void;
}

/** After so long a synchronized update that was not ended is shown as it is. */
export const SYNCHRONIZED_UPDATE_MS = 150;

/** Making a picture to stay costs: one in so long, however often a program asks. */
const MIN_FREEZE_MS = 8;
const EXACT_FREEZE_BURST = 64;
const EXACT_FREEZES_PER_SECOND = 500;

const DEFAULT_HISTORY_LINES = 5000;
const DEFAULT_HISTORY_BYTES = 16 * 1024 * 1024;
/** Of a line beside its cells: objects of attributes and clusters come on top for the cells that have them. */
const LINE_BYTES = 160;
const CELL_BYTES = 12;

/** A program that asks more often than this has its questions dropped. */
const ANSWER_BURST = 256;
const ANSWERS_PER_SECOND = 500;
const SIGNAL_BURST = 64;
const SIGNALS_PER_SECOND = 50;

/** DECSTR, and what it leaves as it is: mouse, focus, paste, the shape of the cursor, insertion, an open link. */
const NEW_TERMINAL =
  '\u001b[!p\u001b[?9;1000;1002;1003;1004;1005;1006;1015;1016;2004l\u001b[4;20l\u001b[0 q\u001b]8;;\u001b\\';
const MAIN_SCREEN = '\u001b[?1049l';

const MOUSE = { X10: 'x10', VT200: 'press', DRAG: 'drag', ANY: 'any' } as const;

function startTimer(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms).unref();
  return () => clearTimeout(timer);
}

/**
 * The screen of one agent: takes the bytes that a program wrote to its terminal, answers what it asks, and is the content
 * of a pane. Nothing that an agent writes gets further than its own cells, its answers and its signals.
 */
export class AgentScreen implements PaneContent {
  readonly #options: AgentScreenOptions;
  readonly #permissions: Permissions;
  readonly #now: () => number;
  readonly #xterm: Xterm;
  readonly #picture: Picture;
  readonly #writer: ScreenWriter;
  readonly #savedCursor: SavedCursor;
  readonly #context: HandlerContext;
  readonly #answerLimit = new RateLimit(ANSWER_BURST, ANSWERS_PER_SECOND);
  readonly #signalLimit = new RateLimit(SIGNAL_BURST, SIGNALS_PER_SECOND);
  readonly #freezeLimit = new RateLimit(EXACT_FREEZE_BURST, EXACT_FREEZES_PER_SECOND);
  #history: XtermBuffer['lines'] | undefined;
  #version = 0;
  #frozeAtMs = Number.NEGATIVE_INFINITY;
  #changed = false;
  /** Since the last output. */
  #programEnded = false;
  #stopTimer: (() => void) | undefined;

  constructor(options: AgentScreenOptions) {
    this.#options = options;
    this.#permissions = options.permissions ?? DEFAULT_PERMISSIONS;
    this.#now = options.now ?? (() => performance.now());
    const { columns, rows } = options;
    const historyLines = this.#historyFor(columns);
    const links = new ScreenLinks();
    this.#xterm = new Xterm(
      { columns, rows, historyLines },
      (first, last) => this.#picture.markRows(first, last),
      () => this.#watchHistory(),
    );
    this.#picture = new Picture(this.#xterm, links);
    this.#writer = new ScreenWriter({
      xterm: this.#xterm,
      eightBitControls: this.#permissions.eightBitControls,
      onLostRows: (count) => this.#picture.forget(count),
    });
    this.#watchHistory();
    this.#savedCursor = new SavedCursor(this.#xterm);
    this.#context = this.#makeContext(links);
    boundRepetitions(this.#context);
    avoidFaults(this.#context);
    answerQueries(this.#context);
    followKeyboard(this.#context);
    followModes(this.#context);
    followLinks(this.#context);
    takeSignals({
      xterm: this.#xterm,
      permissions: this.#permissions,
      signal: (signal) => this.#signal(signal),
    });
    this.#xterm.onBell(() => {
      if (this.#permissions.notifications) this.#signal({ type: 'bell' });
    });
  }

  #makeContext(links: ScreenLinks): HandlerContext {
    return {
      xterm: this.#xterm,
      permissions: this.#permissions,
      keyboard: new KittyKeyboard(),
      links,
      colors: {
        foreground: this.#options.foreground ?? 0xcc_cccc,
        background: this.#options.background ?? 0x00_0000,
      },
      modifyOtherKeys: 0,
      answer: (text) => {
        if (this.#answerLimit.take(this.#now())) this.#options.onAnswer?.(text);
      },
      beginSynchronizedUpdate: () => this.#beginSynchronizedUpdate(),
      endSynchronizedUpdate: () => this.#endSynchronizedUpdate(),
      reset: () => this.#reset(),
    };
  }

  #historyFor(columns: number): number {
    const bytes = this.#options.maxHistoryBytes ?? DEFAULT_HISTORY_BYTES;
    const fit = Math.floor(bytes / (columns * CELL_BYTES + LINE_BYTES));
    return Math.min(this.#options.maxHistoryLines ?? DEFAULT_HISTORY_LINES, fit);
  }

  /** Counts the lines that leave the history; a reset makes a new one. */
  #watchHistory(): void {
    const { lines } = this.#xterm.normalBuffer;
    if (lines === this.#history) return;
    this.#history = lines;
    lines.onTrim((count) => this.#picture.forget(count));
  }

  #signal(signal: ScreenSignal): void {
    if (this.#signalLimit.take(this.#now())) this.#options.onSignal?.(signal);
  }

  /** Takes what the program wrote, cut anywhere. The bytes may be used again afterwards. */
  write(bytes: Uint8Array): void {
    if (this.#programEnded) this.#beginProgram();
    const wasFrozen = this.#picture.frozen;
    this.#changed = false;
    this.#writer.write(bytes);
    if (this.#changed || !wasFrozen || !this.#picture.frozen) this.#version += 1;
  }

  /** How often the emulator failed. */
  get faults(): number {
    return this.#writer.faults;
  }

  /**
   * The program has ended; another one may follow in its terminal. What it left unfinished is over. The picture stays as it
   * is until that one writes, which finds a terminal without the modes of the one before.
   */
  endProgram(): void {
    this.#programEnded = true;
    this.#writer.end();
    this.#endSynchronizedUpdate();
    this.#xterm.endSynchronizedUpdate();
    this.#context.keyboard.reset();
    this.#context.modifyOtherKeys = 0;
    this.#version += 1;
  }

  #beginProgram(): void {
    this.#programEnded = false;
    this.#writer.writeNow(this.#xterm.isAlternate ? MAIN_SCREEN + NEW_TERMINAL : NEW_TERMINAL);
  }

  /** Lines are wrapped anew, as far as they are in the main screen. */
  resize(columns: number, rows: number): void {
    if (columns === this.#xterm.columns && rows === this.#xterm.rows) return;
    // NUL ends the cluster: a mark that comes later would join a cell that may stand elsewhere now.
    this.#writer.writeNow('\0');
    this.#savedCursor.forget();
    this.#xterm.resize(columns, rows, this.#historyFor(columns));
    this.#watchHistory();
    this.#picture.resize();
    this.#version += 1;
  }

  #beginSynchronizedUpdate(): void {
    const { holdUpdates = true, after = startTimer } = this.#options;
    if (this.#picture.frozen || holdUpdates === false) return;
    const now = this.#now();
    if (holdUpdates === 'exactly' && !this.#freezeLimit.take(now)) return;
    const stale = holdUpdates === true && now - this.#frozeAtMs < MIN_FREEZE_MS;
    if (!stale) this.#frozeAtMs = now;
    this.#picture.freeze(stale);
    this.#changed = true;
    this.#stopTimer = after(SYNCHRONIZED_UPDATE_MS, () => {
      this.#endSynchronizedUpdate();
      this.#version += 1;
      this.#options.onTimeout?.();
    });
  }

  #endSynchronizedUpdate(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#picture.thaw();
  }

  #reset(): void {
    this.#endSynchronizedUpdate();
    this.#picture.forget(this.#xterm.normalBuffer.ybase);
    this.#context.keyboard.reset();
    this.#context.modifyOtherKeys = 0;
    this.#xterm.resetRemains();
  }

  get columns(): number {
    return this.#xterm.columns;
  }

  get rows(): number {
    return this.#xterm.rows;
  }

  get historyLines(): number {
    this.#writer.catchUp();
    return this.#picture.historyLines;
  }

  get forgottenLines(): number {
    this.#writer.catchUp();
    return this.#picture.forgottenLines;
  }

  get version(): number {
    return this.#version;
  }

  get cursor(): PaneCursor {
    this.#writer.catchUp();
    return {
      column: this.#picture.cursorColumn,
      row: this.#picture.cursorRow,
      visible: this.#xterm.cursorVisible,
      shape: this.#xterm.modes.cursorStyle ?? 'block',
      blinking: this.#xterm.cursorBlinks,
    };
  }

  get modes(): PaneModes {
    const { modes } = this.#xterm;
    const { isAlternate } = this.#xterm;
    return {
      alternateScreen: isAlternate,
      applicationCursorKeys: modes.applicationCursorKeys,
      applicationKeypad: modes.applicationKeypad,
      bracketedPaste: modes.bracketedPasteMode,
      focusEvents: modes.sendFocus,
      kittyKeyboardFlags: this.#context.keyboard.flags(isAlternate),
      modifyOtherKeys: this.#context.modifyOtherKeys,
      mouse: MOUSE[this.#xterm.mouseProtocol as keyof typeof MOUSE] ?? 'none',
      mouseSgr: this.#xterm.mouseEncoding !== 'DEFAULT',
    };
  }

  copyLine(
    line: number,
    grid: CellGrid,
    gridRow: number,
    gridColumn: number,
    columns: number,
  ): void {
    this.#writer.catchUp();
    this.#picture.copyLine(line, grid, gridRow, gridColumn, columns);
  }

  lineText(line: number): { readonly text: string; readonly wrapped: boolean } {
    this.#writer.catchUp();
    return this.#picture.lineText(line);
  }

  /** What `lineText` says of it, without the text. */
  isWrapped(line: number): boolean {
    this.#writer.catchUp();
    return this.#picture.isWrapped(line);
  }

  /** Frees what is held; nothing may be written afterwards. Twice is harmless. */
  close(): void {
    this.#stopTimer?.();
    this.#writer.close();
    this.#xterm.dispose();
  }
}
