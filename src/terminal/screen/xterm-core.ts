/* oxlint-disable no-underscore-dangle -- the names of the emulator's insides */

/**
 * All that is used of the insides of `@xterm/headless` 6.0.0, pinned. Its public interface neither parses at once nor shows
 * links, underlines or which rows changed. `test/unit/terminal/xterm.test.ts` fails when any of this is gone.
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
export const XTERM_CELL_WORDS = 3;

/** Of the content: 0 the right half of a wide glyph, 1 or 2. */
export const XTERM_COLUMNS_SHIFT = 22;

/** Of the background: the cell has an entry among the extended attributes. */
export const XTERM_EXTENDED = 1 << 28;

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

export interface XtermLines {
  readonly length: number;
  get(index: number): XtermLine | undefined;
  onTrim(listener: (count: number) => void): unknown;
}

export interface XtermBuffer {
  /** As many as there are columns: the next character begins a row. */
  x: number;
  readonly y: number;
  readonly ybase: number;
  /** The line that DECRC goes to, counted as `ybase` is. */
  savedY: number;
  /** The rows that scroll, both included. */
  readonly scrollTop: number;
  readonly scrollBottom: number;
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
export type SequenceHandler = (parameters: XtermParameters) => boolean;

export interface StringHandler {
  start(): void;
  put(data: Uint32Array, start: number, end: number): void;
  end(success: boolean): boolean;
}

export interface ControlStringHandler {
  hook(parameters: XtermParameters): void;
  put(data: Uint32Array, start: number, end: number): void;
  unhook(success: boolean): boolean;
}

export type PrintHandler = (data: Uint32Array, start: number, end: number) => void;

export interface XtermParser {
  /** What was last printed, as `nextCluster` tells it; 0 after a control. */
  precedingJoinState: number;
  readonly currentState: number;
  readonly initialState: number;
  setPrintHandler(handler: PrintHandler): void;
  registerCsiHandler(name: SequenceName, handler: SequenceHandler): unknown;
  registerEscHandler(name: SequenceName, handler: () => boolean): unknown;
  registerOscHandler(code: number, handler: StringHandler): unknown;
  clearOscHandler(code: number): void;
  registerDcsHandler(name: SequenceName, handler: ControlStringHandler): unknown;
  clearDcsHandler(name: SequenceName): void;
  reset(): void;
}

export interface XtermAttributes {
  readonly fg: number;
  readonly bg: number;
  extended: XtermExtended;
  updateExtended(): void;
}

export interface XtermModes {
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

export interface XtermCore {
  /** Lines may be longer: those of the alternate screen keep the length they had. */
  readonly cols: number;
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
  readonly _charsetService: { readonly charset: unknown };
  readonly coreMouseService: { readonly activeProtocol: string; readonly activeEncoding: string };
  readonly _inputHandler: {
    readonly _curAttrData: XtermAttributes;
    readonly _parser: XtermParser;
    readonly _dirtyRowTracker: { markDirty(row: number): void };
    parse(data: string | Uint8Array): unknown;
    print(data: Uint32Array, start: number, end: number): void;
    onRequestRefreshRows(
      listener: (rows: { readonly start: number; readonly end: number } | undefined) => void,
    ): unknown;
  };
}
