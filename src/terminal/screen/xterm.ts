/* oxlint-disable no-underscore-dangle -- the names of the emulator's insides */
import xterm from '@xterm/headless';
import { NO_CLUSTER, nextCluster } from '../cells/cluster.js';
import { RowPrinter } from './row-printer.js';
import type {
  SequenceHandler,
  SequenceName,
  XtermBuffer,
  XtermCore,
  XtermExtended,
  XtermModes,
} from './xterm-core.js';

const UNICODE = 'clusters';

/** xterm asks for widths by this; `preceding` is what it was told of the character before. */
const clusterProvider = {
  version: UNICODE,
  charProperties: nextCluster,
  wcwidth: (codePoint: number): 0 | 1 | 2 =>
    ((nextCluster(codePoint, NO_CLUSTER) >> 1) & 3) as 1 | 2,
};

export interface XtermOptions {
  readonly columns: number;
  readonly rows: number;
  readonly historyLines: number;
}

/** Rows of the screen that changed, both included. */
export type RowsListener = (first: number, last: number) => void;

/** What a string handler gets: the text, or undefined when it was longer than `maxLength`. */
export type TextHandler = (text: string | undefined) => void;

const MAX_PARAMETER_CHUNK = 4096;

/** Collects a string up to a limit; what is longer is forgotten as it comes. */
class BoundedText {
  readonly #maxLength: number;
  readonly #done: TextHandler;
  #text: string | undefined = '';

  constructor(maxLength: number, done: TextHandler) {
    this.#maxLength = maxLength;
    this.#done = done;
  }

  start(): void {
    this.#text = '';
  }

  put(data: Uint32Array, start: number, end: number): void {
    if (this.#text === undefined) return;
    if (this.#text.length + (end - start) > this.#maxLength) {
      this.#text = undefined;
      return;
    }
    for (let at = start; at < end; at += MAX_PARAMETER_CHUNK) {
      const piece = data.subarray(at, Math.min(end, at + MAX_PARAMETER_CHUNK));
      this.#text += String.fromCodePoint(...piece);
    }
  }

  end(success: boolean): true {
    const text = this.#text;
    this.#text = '';
    if (success) this.#done(text);
    return true;
  }
}

export class Xterm {
  readonly #terminal: xterm.Terminal;
  readonly #core: XtermCore;

  constructor(options: XtermOptions, onRows: RowsListener, onBufferChange: () => void) {
    this.#terminal = new xterm.Terminal({
      cols: options.columns,
      rows: options.rows,
      scrollback: options.historyLines,
      allowProposedApi: true,
      logLevel: 'off',
    });
    this.#terminal.unicode.register(clusterProvider);
    this.#terminal.unicode.activeVersion = UNICODE;
    this.#core = (this.#terminal as unknown as { readonly _core: XtermCore })._core;
    this.#core._inputHandler.onRequestRefreshRows((rows) => {
      onRows(rows?.start ?? 0, rows?.end ?? this.#terminal.rows - 1);
    });
    this.#core.buffers.onBufferActivate(onBufferChange);
    const printer = new RowPrinter(this.#core);
    this.#core._inputHandler._parser.setPrintHandler((data, start, end) => {
      printer.print(data, start, end);
    });
  }

  get columns(): number {
    return this.#terminal.cols;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  get buffer(): XtermBuffer {
    return this.#core.buffers.active;
  }

  /** The one with the history, also while the alternate one is shown. */
  get normalBuffer(): XtermBuffer {
    return this.#core.buffers.normal;
  }

  get isAlternate(): boolean {
    return this.#core.buffers.active === this.#core.buffers.alt;
  }

  /** The lines that can be scrolled back to, at most. */
  get historyLines(): number {
    return this.#terminal.options.scrollback ?? 0;
  }

  /** Whether the rows of text go up through the whole screen and into the history, and each goes on in the next. */
  get scrollsFreely(): boolean {
    const { buffer, rows } = this;
    return (
      !this.isAlternate &&
      buffer.scrollTop === 0 &&
      buffer.scrollBottom === rows - 1 &&
      this.modes.wraparound &&
      !this.insertMode &&
      this.#core._charsetService.charset === undefined
    );
  }

  get modes(): XtermModes {
    return this.#core.coreService.decPrivateModes;
  }

  get insertMode(): boolean {
    return this.#core.coreService.modes.insertMode;
  }

  get newLineMode(): boolean {
    return this.#terminal.options.convertEol ?? false;
  }

  get cursorBlinks(): boolean {
    return this.modes.cursorBlink ?? this.#terminal.options.cursorBlink ?? false;
  }

  get cursorVisible(): boolean {
    return !this.#core.coreService.isCursorHidden;
  }

  /** NONE, X10, VT200, DRAG or ANY. */
  get mouseProtocol(): string {
    return this.#core.coreMouseService.activeProtocol;
  }

  /** DEFAULT, SGR or SGR_PIXELS. */
  get mouseEncoding(): string {
    return this.#core.coreMouseService.activeEncoding;
  }

  /** Parses at once. At most 128 Ki, cut between characters. */
  parse(data: string | Uint8Array): void {
    if (data.length > 0) this.#core._inputHandler.parse(data);
  }

  resize(columns: number, rows: number, historyLines: number): void {
    this.#terminal.options.scrollback = historyLines;
    this.#terminal.resize(columns, rows);
  }

  /** What RIS leaves as it was. */
  resetRemains(): void {
    this.#core.coreService.isCursorHidden = false;
    this.#terminal.options.convertEol = false;
    this.#terminal.options.cursorBlink = false;
  }

  endSynchronizedUpdate(): void {
    this.modes.synchronizedOutput = false;
  }

  /** Cells from now on belong to link `number`; 0: to none. */
  setLink(number: number): void {
    const attributes = this.#core._inputHandler._curAttrData;
    attributes.extended = attributes.extended.clone();
    attributes.extended.urlId = number;
    attributes.updateExtended();
  }

  /** Style and colour of the line under cells from now on. */
  get underline(): XtermExtended {
    return this.#core._inputHandler._curAttrData.extended.clone();
  }

  /** Takes the place of both, and ends a link. */
  setUnderline(underline: XtermExtended): void {
    this.#core._inputHandler._curAttrData.extended = underline;
    this.setLink(0);
  }

  onSequence(name: SequenceName, handler: SequenceHandler): void {
    this.#core._inputHandler._parser.registerCsiHandler(name, handler);
  }

  onEscape(final: string, handler: () => boolean): void {
    this.#core._inputHandler._parser.registerEscHandler({ final }, handler);
  }

  /** Takes the place of xterm's own handler. */
  onCommand(code: number, maxLength: number, handler: TextHandler): void {
    const parser = this.#core._inputHandler._parser;
    parser.clearOscHandler(code);
    parser.registerOscHandler(code, new BoundedText(maxLength, handler));
  }

  /** Takes the place of xterm's own handler. The string itself is dropped. */
  onControlString(name: SequenceName, handler: () => void): void {
    const parser = this.#core._inputHandler._parser;
    parser.clearDcsHandler(name);
    parser.registerDcsHandler(name, {
      hook() {},
      put() {},
      unhook(success) {
        if (success) handler();
        return true;
      },
    });
  }

  onBell(handler: () => void): void {
    this.#terminal.onBell(handler);
  }

  /** Whether what follows is text or begins a sequence. */
  get isBetweenSequences(): boolean {
    const { currentState, initialState } = this.#core._inputHandler._parser;
    return currentState === initialState;
  }

  /** The parser waits for nothing any more: what follows is text. */
  abandonSequence(): void {
    this.#core._inputHandler._parser.reset();
  }

  dispose(): void {
    this.#terminal.dispose();
  }
}
