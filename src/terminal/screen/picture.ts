import {
  CELL_WORDS,
  CellGrid,
  columnsOf,
  glyphOf,
  glyphs,
  BLANK_GLYPH_WORD,
} from '../cells/index.js';
import { CellReader } from './cell-reader.js';
import type { ScreenLinks } from './screen-links.js';
import type { Xterm } from './xterm.js';
import type { XtermLine } from './xterm-core.js';

/** The text of a row of cells, spaces at its end left out. */
function textOfRow(words: Uint32Array): string {
  let text = '';
  for (let word = 0; word < words.length; word += CELL_WORDS) {
    const glyph = words[word] as number;
    if (columnsOf(glyph) > 0) text += glyphs.textOf(glyphOf(glyph));
  }
  return text.trimEnd();
}

/**
 * What a screen shows, as cells: rows are made again when they changed and somebody looks. While it is frozen (inside a
 * synchronized update) it stays as it was, and so do the cursor and the number of lines above it.
 */
export class Picture {
  readonly #xterm: Xterm;
  readonly #reader: CellReader;
  /** For lines of the history, of which a view shows few. */
  readonly #historyReader: CellReader;
  #grid: CellGrid;
  #dirty: Uint8Array;
  #anyDirty = true;
  #wrapped: Uint8Array;
  #frozen = false;
  #forgottenLines = 0;
  #shown = { historyLines: 0, forgottenLines: 0, column: 0, row: 0 };

  constructor(xterm: Xterm, links: ScreenLinks) {
    this.#xterm = xterm;
    const linkOf = links.linkOf.bind(links);
    this.#reader = new CellReader(linkOf);
    this.#historyReader = new CellReader(linkOf);
    this.#grid = new CellGrid(xterm.columns, xterm.rows);
    this.#dirty = new Uint8Array(xterm.rows).fill(1);
    this.#wrapped = new Uint8Array(xterm.rows);
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  get historyLines(): number {
    return this.#frozen ? this.#shown.historyLines : this.#xterm.buffer.ybase;
  }

  get forgottenLines(): number {
    return this.#frozen ? this.#shown.forgottenLines : this.#forgottenLines;
  }

  get cursorColumn(): number {
    return this.#frozen ? this.#shown.column : this.#liveColumn();
  }

  get cursorRow(): number {
    return this.#frozen ? this.#shown.row : this.#xterm.buffer.y;
  }

  /** A cursor that waits behind the last column is shown in it. */
  #liveColumn(): number {
    return Math.min(this.#xterm.buffer.x, this.#xterm.columns - 1);
  }

  markRows(first: number, last: number): void {
    this.#dirty.fill(1, Math.max(0, first), last + 1);
    this.#anyDirty = true;
  }

  /** So many lines more are gone from the history for ever. */
  forget(lines: number): void {
    this.#forgottenLines += lines;
  }

  /** The size changed: everything is drawn anew, and nothing stays frozen. */
  resize(): void {
    this.#frozen = false;
    this.#grid = new CellGrid(this.#xterm.columns, this.#xterm.rows);
    this.#dirty = new Uint8Array(this.#xterm.rows).fill(1);
    this.#anyDirty = true;
    this.#wrapped = new Uint8Array(this.#xterm.rows);
  }

  /** Stays as it is now; `stale`: as it was when somebody last looked, which costs nothing. */
  freeze(stale: boolean): void {
    if (this.#frozen) return;
    if (!stale) {
      this.markRows(0, this.#xterm.rows - 1);
      this.#refresh();
    }
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
  }

  #refresh(): void {
    if (this.#frozen || !this.#anyDirty) return;
    if (this.#reader.exceeded) {
      this.#reader.renew();
      this.#dirty.fill(1);
    }
    this.#readRows();
    if (this.#reader.exceeded) {
      // What earlier pictures used counted too: this one alone may fit.
      this.#reader.renew();
      this.#dirty.fill(1);
      this.#readRows();
    }
    this.#shown = {
      historyLines: this.#xterm.buffer.ybase,
      forgottenLines: this.#forgottenLines,
      column: this.#liveColumn(),
      row: this.#xterm.buffer.y,
    };
  }

  #readRows(): void {
    const { lines, ybase } = this.#xterm.buffer;
    for (let row = 0; row < this.#grid.rows; row += 1) {
      if (this.#dirty[row] === 0) continue;
      const line = lines.get(ybase + row);
      if (line === undefined) {
        this.#grid.clear(0, row, this.#grid.columns, 1);
        this.#wrapped[row] = 0;
      } else {
        this.#reader.read(line, this.#grid, row, 0, this.#grid.columns);
        this.#wrapped[row] = line.isWrapped ? 1 : 0;
      }
    }
    this.#dirty.fill(0);
    this.#anyDirty = false;
  }

  copyLine(line: number, grid: CellGrid, gridRow: number, column: number, columns: number): void {
    const row = line - this.historyLines;
    if (row < 0) return this.#copyHistoryLine(line, grid, gridRow, column, columns);
    this.#refresh();
    if (row >= this.#grid.rows) return grid.clear(column, gridRow, columns, 1);
    const count = Math.min(columns, this.#grid.columns);
    const start = grid.at(column, gridRow);
    grid.words.set(
      this.#grid.words.subarray(this.#grid.at(0, row), this.#grid.at(count, row)),
      start,
    );
    const last = start + (count - 1) * CELL_WORDS;
    if (count > 0 && columnsOf(grid.words[last] as number) === 2) {
      grid.words[last] = BLANK_GLYPH_WORD;
    }
    if (columns > count) grid.clear(column + count, gridRow, columns - count, 1);
  }

  #historyLine(line: number): XtermLine | undefined {
    const index = line - (this.#forgottenLines - this.forgottenLines);
    return index < 0 || line < 0 ? undefined : this.#xterm.buffer.lines.get(index);
  }

  #copyHistoryLine(
    line: number,
    grid: CellGrid,
    gridRow: number,
    column: number,
    columns: number,
  ): void {
    const source = this.#historyLine(line);
    if (source === undefined) return grid.clear(column, gridRow, columns, 1);
    this.#historyReader.read(source, grid, gridRow, column, columns);
    if (this.#historyReader.exceeded) {
      this.#historyReader.renew();
      this.#historyReader.read(source, grid, gridRow, column, columns);
    }
  }

  /** Whether a line continues the one before, as it is now. */
  isWrapped(line: number): boolean {
    return this.#historyLine(line)?.isWrapped ?? false;
  }

  lineText(line: number): { readonly text: string; readonly wrapped: boolean } {
    this.#refresh();
    const row = line - this.historyLines;
    if (row >= this.#grid.rows) return { text: '', wrapped: false };
    if (row >= 0) {
      return { text: textOfRow(this.#grid.row(row)), wrapped: this.#wrapped[row] === 1 };
    }
    const scratch = new CellGrid(this.#xterm.columns, 1);
    this.#copyHistoryLine(line, scratch, 0, 0, scratch.columns);
    return { text: textOfRow(scratch.words), wrapped: this.isWrapped(line) };
  }
}
