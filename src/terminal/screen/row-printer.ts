/* oxlint-disable no-underscore-dangle -- the names of the emulator's insides */
import { clusterColumns, joins, NO_CLUSTER, nextCluster } from '../cells/cluster.js';
import {
  XTERM_CELL_WORDS as CELL_WORDS,
  XTERM_COLUMNS_SHIFT as COLUMNS_SHIFT,
  XTERM_EXTENDED,
  wordsOfLine,
  type XtermCore,
} from './xterm-core.js';

/** An empty cell. */
const BLANK = 1 << COLUMNS_SHIFT;
const LAST_ASCII = 0x7e;

function put(words: Uint32Array, at: number, content: number, fg: number, bg: number): void {
  words[at] = content;
  words[at + 1] = fg;
  words[at + 2] = bg;
}

/**
 * Prints characters where xterm itself would, several times as fast: the part of a run that fits into the row goes
 * straight to the words of its line. What wraps, joins the character before, or is drawn in a mode of its own is left to
 * xterm's own function, a character at a time, which is what a run comes to however the stream was cut.
 */
export class RowPrinter {
  readonly #core: XtermCore;

  constructor(core: XtermCore) {
    this.#core = core;
  }

  /** The code points of `data` from `start` to `end`. */
  print(data: Uint32Array, start: number, end: number): void {
    const { _inputHandler: handler, coreService, _charsetService } = this.#core;
    // Without automatic wrap xterm draws a run at the right edge otherwise than its characters one by one.
    if (!coreService.decPrivateModes.wraparound) return this.#printEach(data, start, end);
    const isPlain =
      !coreService.modes.insertMode &&
      _charsetService.charset === undefined &&
      (handler._curAttrData.bg & XTERM_EXTENDED) === 0;
    if (!isPlain) return handler.print(data, start, end);
    for (let at = this.#printRow(data, start, end); at < end;) {
      handler.print(data, at, at + 1);
      at = this.#printRow(data, at + 1, end);
    }
  }

  #printEach(data: Uint32Array, start: number, end: number): void {
    const { _inputHandler: handler } = this.#core;
    for (let at = start; at < end; at += 1) handler.print(data, at, at + 1);
  }

  /** Prints what fits into the row of the cursor. Returns where it stopped: there something wraps or joins. */
  #printRow(data: Uint32Array, start: number, end: number): number {
    const { buffers, cols, _inputHandler: handler } = this.#core;
    const buffer = buffers.active;
    const line = buffer.lines.get(buffer.ybase + buffer.y);
    if (line === undefined || start === end) return start;
    const words = wordsOfLine(line);
    const { fg, bg } = handler._curAttrData;
    let { x } = buffer;
    let state = handler._parser.precedingJoinState;
    let at = start;
    // The left half of a wide glyph, whose right half is about to go.
    const before = (x - 1) * CELL_WORDS;
    if (x > 0 && (words[before] as number) >>> COLUMNS_SHIFT === 2)
      put(words, before, BLANK, fg, bg);
    for (;;) {
      const first = at;
      const limit = Math.min(end, at + cols - x);
      let cell = x * CELL_WORDS;
      for (let code; at < limit && (code = data[at] as number) <= LAST_ASCII; at += 1) {
        put(words, cell, code | BLANK, fg, bg);
        cell += CELL_WORDS;
      }
      x += at - first;
      if (at > first) state = nextCluster(data[at - 1] as number, NO_CLUSTER);
      if (at === limit) break;
      const next = nextCluster(data[at] as number, state);
      const columns = clusterColumns(next);
      if (joins(next) || x + columns > cols) break;
      put(words, cell, (data[at] as number) | (columns << COLUMNS_SHIFT), fg, bg);
      if (columns === 2) put(words, cell + CELL_WORDS, 0, fg, bg);
      x += columns;
      state = next;
      at += 1;
    }
    // The right half of a wide glyph, whose left half is gone.
    if (x < cols && words[x * CELL_WORDS] === 0) put(words, x * CELL_WORDS, BLANK, fg, bg);
    buffer.x = x;
    handler._parser.precedingJoinState = state;
    handler._dirtyRowTracker.markDirty(buffer.y);
    return at;
  }
}
