import {
  BLANK_GLYPH_WORD,
  CELL,
  CELL_WORDS,
  CellGrid,
  type PaneCursor,
  columnsOf,
  glyphOf,
} from '../cells/index.js';
import { type CursorPlace, motionCost, moveCursor } from './cursor-motion.js';
import { GlyphByteTable } from './glyph-bytes.js';
import { OutputBytes } from './output-bytes.js';
import { Pen, type PenOptions } from './pen.js';
import { RowComparison } from './row-comparison.js';
import { findScroll } from './scroll-match.js';

export interface FrameEncoderOptions extends PenOptions {
  readonly columns: number;
  readonly rows: number;
  /** The terminal answered that it knows mode 2026: frames are shown as a whole. */
  readonly synchronizedOutput: boolean;
}

const SPACE = 0x20;
/** Bytes of an EL; of an ECH and the motion that follows it. Fewer spaces are written as they are. */
const ERASE_LINE_BYTES = 3;
const ERASE_AND_MOVE_BYTES = 10;
/** A gap that is longer is not looked at: writing it again would cost more than a motion. */
const MAX_REWRITTEN_GAP = 8;
/** While a longer frame is drawn the cursor is hidden, where the terminal cannot show frames as a whole. */
const SHORT_FRAME_BYTES = 48;

const BEGIN_SYNCHRONIZED = '\u001b[?2026h';
const END_SYNCHRONIZED = '\u001b[?2026l';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
/** No link, no attributes, no scroll region, everything blank, the cursor in the corner. */
const CLEAR_ALL = '\u001b]8;;\u001b\\\u001b[m\u001b[r\u001b[2J\u001b[H';

/** The parameter of DECSCUSR. */
function cursorStyle({ shape, blinking }: PaneCursor): number {
  const steady = shape === 'block' ? 2 : shape === 'underline' ? 4 : 6;
  return blinking ? steady - 1 : steady;
}

/**
 * Turns pictures into the bytes that change a terminal from the last one to the next. What is on the terminal is known
 * as everything written there came from here; every frame must therefore be written whole, or `invalidate` called.
 * Nothing else leaves this class, whatever cells hold: printable glyphs, cursor motions, SGR, EL, ED, ECH, scroll
 * regions with DL, OSC 8 of http and https, cursor shape and visibility, mode 2026.
 */
export class FrameEncoder {
  readonly #out = new OutputBytes();
  readonly #pen: Pen;
  readonly #glyphs = new GlyphByteTable();
  readonly #synchronized: boolean;
  #shown: CellGrid;
  #place: CursorPlace = { row: -1, column: -1 };
  #cursorVisible: boolean | undefined;
  #cursorStyle = 0;
  #valid = false;
  /**
   * Of the row that is written: a glyph may have been drawn over the cells before this column. A family of emoji takes
   * eight columns on a terminal that does not join them, and must not stand in the pane beside its own.
   */
  #overdrawnEnd = 0;

  constructor(options: FrameEncoderOptions) {
    this.#pen = new Pen(options);
    this.#synchronized = options.synchronizedOutput;
    this.#shown = new CellGrid(options.columns, options.rows);
  }

  /** The terminal has another size, in columns and rows: the next frame draws everything. */
  resize(columns: number, rows: number): void {
    this.#shown = new CellGrid(columns, rows);
    this.invalidate();
  }

  /** What the terminal shows is not known any more: the next frame draws everything. */
  invalidate(): void {
    this.#valid = false;
  }

  /**
   * The bytes of the next frame, empty when nothing changed. Valid until the next call. `next` has the size of the
   * terminal.
   */
  encode(next: CellGrid, cursor: PaneCursor): Uint8Array {
    const out = this.#out;
    out.clear();
    if (next.columns !== this.#shown.columns || next.rows !== this.#shown.rows) {
      throw new RangeError(
        `a frame of ${next.columns}x${next.rows} cells for a terminal of ` +
          `${this.#shown.columns}x${this.#shown.rows}: call resize() before`,
      );
    }
    if (this.#synchronized) out.ascii(BEGIN_SYNCHRONIZED);
    const hiddenAt = out.length;
    // Taken out again where it turns out not to be needed.
    out.ascii(HIDE_CURSOR);
    const start = out.length;
    if (!this.#valid) this.#clearTerminal();
    const comparison = new RowComparison(this.#shown, next);
    let changed = comparison.changedRows();
    if (this.#scroll(next, comparison, changed)) changed = comparison.changedRows();
    for (const row of changed) this.#encodeRow(next, row);
    this.#finish(cursor, hiddenAt, start);
    return out.view();
  }

  #clearTerminal(): void {
    this.#out.ascii(CLEAR_ALL);
    this.#pen.wasReset();
    this.#shown.clear(0, 0, this.#shown.columns, this.#shown.rows);
    this.#place = { row: 0, column: 0 };
    this.#cursorVisible = undefined;
    this.#cursorStyle = 0;
    this.#valid = true;
  }

  /** Places and shows the cursor, and takes away what a frame of this size does not need around it. */
  #finish(cursor: PaneCursor, hiddenAt: number, start: number): void {
    const out = this.#out;
    // Numbers of links may be given anew between frames: no pen keeps one.
    this.#pen.endLink(out);
    const bodyBytes = out.length - start;
    if (cursor.visible) {
      const column = Math.min(cursor.column, this.#shown.columns - 1);
      moveCursor(this.#place, Math.min(cursor.row, this.#shown.rows - 1), column, out);
      if (cursorStyle(cursor) !== this.#cursorStyle) {
        this.#cursorStyle = cursorStyle(cursor);
        out.ascii(`\u001b[${this.#cursorStyle} q`);
      }
    }
    const hides =
      (this.#cursorVisible !== false && !cursor.visible) ||
      this.#cursorVisible === undefined ||
      (this.#cursorVisible && !this.#synchronized && bodyBytes > SHORT_FRAME_BYTES);
    if (cursor.visible && (hides || this.#cursorVisible !== true)) out.ascii(SHOW_CURSOR);
    if (!hides) out.moveBack(start, hiddenAt);
    this.#cursorVisible = cursor.visible;
    if (out.length === hiddenAt) out.clear();
    else if (this.#synchronized) out.ascii(END_SYNCHRONIZED);
  }

  /** Rows that moved up together are scrolled by the terminal: DECSTBM and DL, which even the oldest know. */
  #scroll(next: CellGrid, comparison: RowComparison, changed: readonly number[]): boolean {
    const match = findScroll(this.#shown, next, comparison, changed);
    if (match === undefined) return false;
    const { top, bottom, by } = match;
    const out = this.#out;
    this.#pen.reset(out);
    out.ascii(`\u001b[${top + 1};${bottom + by}r`);
    this.#place = { row: 0, column: 0 };
    moveCursor(this.#place, top, 0, out);
    out.csi(by, 'M');
    // Without parameters the region is the whole screen again, and the cursor in the corner.
    out.ascii('\u001b[r');
    this.#place = { row: 0, column: 0 };
    const shown = this.#shown;
    shown.words.copyWithin(shown.at(0, top), shown.at(0, top + by), shown.at(0, bottom + by));
    shown.clear(0, bottom, shown.columns, by);
    return true;
  }

  #differs(next: CellGrid, at: number): boolean {
    const a = this.#shown.words;
    const b = next.words;
    return (
      a[at] !== b[at] ||
      a[at + CELL.foreground] !== b[at + CELL.foreground] ||
      a[at + CELL.background] !== b[at + CELL.background] ||
      a[at + CELL.style] !== b[at + CELL.style] ||
      a[at + CELL.underlineColor] !== b[at + CELL.underlineColor] ||
      a[at + CELL.link] !== b[at + CELL.link]
    );
  }

  #encodeRow(next: CellGrid, row: number): void {
    const { columns } = next;
    let column = 0;
    let at = next.at(0, row);
    while (column < columns && !this.#differs(next, at)) {
      column += 1;
      at += CELL_WORDS;
    }
    if (column === columns) return;
    let last = columns - 1;
    while (last > column && !this.#differs(next, next.at(last, row))) last -= 1;
    this.#overdrawnEnd = 0;
    for (let end = last + 1; column < end; end = Math.max(last + 1, this.#overdrawnEnd)) {
      const isWritten = column < this.#overdrawnEnd || this.#differs(next, next.at(column, row));
      column = isWritten ? this.#encodeFrom(next, row, column, end - 1) : column + 1;
    }
    this.#shown.row(row).set(next.row(row));
  }

  /** Writes what starts at a changed cell; the column after it. */
  #encodeFrom(next: CellGrid, row: number, changed: number, last: number): number {
    // The right half of a wide glyph is written with the left one.
    const isHalf =
      changed > 0 &&
      columnsAt(next, changed, row) === 0 &&
      columnsAt(next, changed - 1, row) === 2 &&
      wholeGlyph(next, changed - 1, next.at(changed - 1, row)) !== SPACE;
    const column = isHalf ? changed - 1 : changed;
    const blanks = this.#plainBlanks(next, row, column);
    if (blanks > ERASE_LINE_BYTES) {
      const end = this.#erase(next, row, column, blanks, last);
      if (end > column) return end;
    }
    this.#goTo(next, row, column);
    return column + this.#writeCell(next, row, column);
  }

  /** How many cells from this one on are spaces in the terminal's own colours. */
  #plainBlanks(next: CellGrid, row: number, column: number): number {
    const { words } = next;
    let end = column;
    for (let at = next.at(column, row); end < next.columns; at += CELL_WORDS) {
      if (
        words[at] !== BLANK_GLYPH_WORD ||
        words[at + CELL.background] !== 0 ||
        words[at + CELL.style] !== 0 ||
        words[at + CELL.link] !== 0
      ) {
        break;
      }
      end += 1;
    }
    return end - column;
  }

  /** EL or ECH in place of spaces, where that is shorter; the column after what was erased. */
  #erase(next: CellGrid, row: number, column: number, blanks: number, last: number): number {
    const toEnd = column + blanks === next.columns;
    const end = Math.min(column + blanks, last + 1);
    const cost = toEnd ? ERASE_LINE_BYTES : end > last ? 6 : ERASE_AND_MOVE_BYTES;
    if (end - column <= cost) return column;
    this.#goTo(next, row, column);
    this.#pen.changeTo(next.words, next.at(column, row), true, this.#out);
    if (toEnd) this.#out.ascii('\u001b[K');
    else this.#out.csi(end - column, 'X');
    return end;
  }

  /** Moves the cursor, or writes the few cells in between again where that is shorter. */
  #goTo(next: CellGrid, row: number, column: number): void {
    const place = this.#place;
    const gap = column - place.column;
    if (place.row === row && place.column >= 0 && gap > 0 && gap <= MAX_REWRITTEN_GAP) {
      if (this.#gapBytes(next, row, column) <= motionCost(place, row, column)) {
        while (place.column < column) this.#writeCell(next, row, place.column);
        return;
      }
    }
    moveCursor(place, row, column, this.#out);
  }

  /** Bytes of the cells between cursor and `column`, or infinite: the pen would change, or widths are uncertain. */
  #gapBytes(next: CellGrid, row: number, column: number): number {
    let bytes = 0;
    for (let from = this.#place.column; from < column; from += 1) {
      const at = next.at(from, row);
      const word = next.words[at] as number;
      const glyph = glyphOf(word);
      const suits =
        glyph === SPACE ? this.#pen.blankSuits(next.words, at) : this.#pen.suits(next.words, at);
      if (!suits || columnsOf(word) !== 1) return Number.POSITIVE_INFINITY;
      if (glyph < 0x80) bytes += 1;
      else {
        const known = this.#glyphs.of(glyph);
        if (!known.certain) return Number.POSITIVE_INFINITY;
        bytes += known.bytes.length;
      }
    }
    return bytes;
  }

  /** Writes one glyph at the cursor; how many columns it took. */
  #writeCell(next: CellGrid, row: number, column: number): number {
    const out = this.#out;
    const at = next.at(column, row);
    const word = next.words[at] as number;
    const glyph = wholeGlyph(next, column, at);
    this.#pen.changeTo(next.words, at, glyph === SPACE, out);
    const width = glyph === SPACE ? 1 : Math.max(1, columnsOf(word));
    let certain = true;
    if (glyph < 0x80) out.byte(glyph);
    else {
      const known = this.#glyphs.of(glyph);
      out.append(known.bytes);
      certain = known.certain;
      if (known.columnsApart > width) {
        this.#overdrawnEnd = Math.min(next.columns, column + known.columnsApart);
      }
    }
    this.#place.row = row;
    // After the last column terminals wait with the wrap, each in its own way.
    this.#place.column = certain && column + width < next.columns ? column + width : -1;
    return width;
  }
}

function columnsAt(grid: CellGrid, column: number, row: number): number {
  return columnsOf(grid.words[grid.at(column, row)] as number);
}

/** The glyph of a cell, or a space where it cannot be shown: a control, half of a wide glyph, a wide one cut off. */
function wholeGlyph(next: CellGrid, column: number, at: number): number {
  const word = next.words[at] as number;
  const glyph = glyphOf(word);
  const width = columnsOf(word);
  if (glyph < SPACE || (glyph >= 0x7f && glyph < 0xa0)) return SPACE;
  if (width === 1) return glyph;
  const fits =
    width === 2 &&
    column + 1 < next.columns &&
    columnsOf(next.words[at + CELL_WORDS] as number) === 0;
  return fits ? glyph : SPACE;
}
