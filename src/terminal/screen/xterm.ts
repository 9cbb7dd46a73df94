/* oxlint-disable no-underscore-dangle -- the names of the emulator's insides */
import xterm from '@xterm/headless';
import { NO_CLUSTER, nextCluster } from '../cells/cluster.js';

/**
 * The emulator, and all that is used of its insides: `@xterm/headless` 6.0.0, pinned. Its public interface neither parses
 * at once nor shows links, underlines or which rows changed. `test/unit/terminal/screen/xterm.test.ts` fails when any of
 * this is gone.
 */

/** A line of cells; read by the functions below. */
export interface XtermLine {
  readonly _data: Uint32Array;
  readonly _combined: Readonly<Record<number, string>>;
  readonly _extendedAttrs: Readonly<Record<number, XtermExtended | undefined>>;
  readonly isWrapped: boolean;
  readonly length: number;
}

/** Underline style and colour of a cell, and its link. */
export interface XtermExtended {
  readonly _ext: number;
  readonly _urlId: number;
  urlId: number;
  clone(): XtermExtended;
}

/** Three words a cell: content, foreground, background. */
export function wordsOfLine(line: XtermLine): Uint32Array {
  return line._data;
}

/** The cluster in a cell that has several code points. */
export function clusterAt(line: XtermLine, column: number): string {
  return line._combined[column] ?? '';
}

export function extendedAt(line: XtermLine, column: number): XtermExtended | undefined {
  return line._extendedAttrs[column];
}

/** Bits 26 to 28 the underline's style, bits 0 to 25 its colour. */
export function underlineWord(extended: XtermExtended): number {
  return extended._ext;
}

/** The number that `setLink` was called with. */
export function linkNumber(extended: XtermExtended): number {
  return extended._urlId;
}

interface XtermLines {
  readonly length: number;
  get(index: number): XtermLine | undefined;
  onTrim(listener: (count: number) => void): unknown;
}

export interface XtermBuffer {
  readonly x: number;
  readonly y: number;
  readonly ybase: number;
  /** The line that DECRC goes to, counted as `ybase` is. */
  savedY: number;
  readonly lines: XtermLines;
}

/** Parameters of a control sequence: `params` has `length` valid numbers, 0 for those left out. */
export interface XtermParameters {
  readonly params: Int32Array;
  readonly length: number;
}

export interface SequenceName {
  readonly prefix?: string;
  readonly intermediates?: string;
  readonly final: string;
}

/** True: it was dealt with; false: xterm's own handler follows. */
type SequenceHandler = (parameters: XtermParameters) => boolean;

interface StringHandler {
  start(): void;
  put(data: Uint32Array, start: number, end: number): void;
  end(success: boolean): boolean;
}

interface ControlStringHandler {
  hook(parameters: XtermParameters): void;
  put(data: Uint32Array, start: number, end: number): void;
  unhook(success: boolean): boolean;
}

type PrintHandler = (data: Uint32Array, start: number, end: number) => void;

interface XtermParser {
  setPrintHandler(handler: PrintHandler): void;
  registerCsiHandler(name: SequenceName, handler: SequenceHandler): unknown;
  registerEscHandler(name: SequenceName, handler: () => boolean): unknown;
  registerOscHandler(code: number, handler: StringHandler): unknown;
  clearOscHandler(code: number): void;
  registerDcsHandler(name: SequenceName, handler: ControlStringHandler): unknown;
  clearDcsHandler(name: SequenceName): void;
  reset(): void;
}

interface XtermAttributes {
  extended: XtermExtended;
  updateExtended(): void;
}

interface XtermModes {
  readonly applicationCursorKeys: boolean;
  readonly applicationKeypad: boolean;
  readonly bracketedPasteMode: boolean;
  readonly cursorBlink: boolean | undefined;
  readonly cursorStyle: 'block' | 'underline' | 'bar' | undefined;
  readonly origin: boolean;
  readonly reverseWraparound: boolean;
  readonly sendFocus: boolean;
  synchronizedOutput: boolean;
  readonly wraparound: boolean;
}

interface XtermCore {
  readonly buffers: {
    readonly normal: XtermBuffer;
    readonly alt: XtermBuffer;
    readonly active: XtermBuffer;
    onBufferActivate(listener: () => void): unknown;
  };
  readonly coreService: {
    readonly decPrivateModes: XtermModes;
    readonly modes: { readonly insertMode: boolean };
    isCursorHidden: boolean;
  };
  readonly coreMouseService: { readonly activeProtocol: string; readonly activeEncoding: string };
  readonly _inputHandler: {
    readonly _curAttrData: XtermAttributes;
    readonly _parser: XtermParser;
    parse(data: string | Uint8Array): unknown;
    print(data: Uint32Array, start: number, end: number): void;
    onRequestRefreshRows(
      listener: (rows: { readonly start: number; readonly end: number } | undefined) => void,
    ): unknown;
  };
}

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
    this.#printAlike();
  }

  /**
   * Without automatic wrap xterm draws a run of characters at the right edge otherwise than the same characters one by one, so
   * that it would depend on how the stream was cut.
   */
  #printAlike(): void {
    const handler = this.#core._inputHandler;
    const { coreService } = this.#core;
    handler._parser.setPrintHandler((data, start, end) => {
      if (coreService.decPrivateModes.wraparound) return handler.print(data, start, end);
      for (let at = start; at < end; at += 1) handler.print(data, at, at + 1);
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

  /** The parser waits for nothing any more: what follows is text. */
  abandonSequence(): void {
    this.#core._inputHandler._parser.reset();
  }

  dispose(): void {
    this.#terminal.dispose();
  }
}
