import { CELL, CELL_WORDS, type CellGrid, columnsOf, glyphOf } from '../cells/index.js';
import { GlyphByteTable, type OutputBytes, Pen, type PenOptions } from '../output/index.js';
import { type LineRows, usedColumns } from './agent-lines.js';
import { type LineTag, TAG_RULE, TAG_RULE_CONTINUED } from './line-tag.js';

const ASCII_END = 0x7f;
/** For a glyph that may be wider than the terminal. */
const REPLACEMENT = Buffer.from('\ufffd');
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Writes lines of cells, each behind its tag: what an agent wrote never stands in the first columns, whose colours are set
 * anew for each line and ended with it.
 */
export class LineEncoder {
  readonly #pen: Pen;
  readonly #glyphs = new GlyphByteTable();
  readonly #out: OutputBytes;
  readonly #encoder = new TextEncoder();

  constructor(options: PenOptions, out: OutputBytes) {
    this.#pen = new Pen(options);
    this.#out = out;
  }

  /**
   * A line with its end. `columns`: of the terminal, whose own wrap would put an agent's text in front; 0: as long as it is.
   * `from`: so many of its cells stand in the line above.
   */
  writeLine(tag: LineTag, line: LineRows, columns: number, from = 0): void {
    const room = columns === 0 ? Number.POSITIVE_INFINITY : Math.max(2, columns - tag.columns);
    this.#writeTag(tag, from > 0);
    let used = 0;
    for (let row = 0; row < line.rows; row += 1) {
      const count = row + 1 < line.rows ? line.grid.columns : usedColumns(line.grid, row);
      for (let x = Math.max(0, from - row * line.grid.columns); x < count; x += 1) {
        const at = line.grid.at(x, row);
        const width = this.#mostColumns(line.grid.words[at] as number);
        if (used > 0 && used + width > room) {
          this.#endLine(columns);
          this.#writeTag(tag, true);
          used = 0;
        }
        if (width > room) this.#out.append(REPLACEMENT);
        else this.#writeCell(line.grid, at);
        used += Math.min(width, room);
      }
    }
    this.#endLine(columns);
  }

  /** A row as it is, without an end. */
  writeRow(grid: CellGrid, row: number): void {
    this.#writeCells(grid, row, grid.columns);
  }

  /** Cells of a row as far as they surely have room, and plain again. */
  #writeCells(grid: CellGrid, row: number, columns: number): void {
    const end = grid.at(usedColumns(grid, row), row);
    let room = columns;
    for (let at = grid.at(0, row); at < end; at += CELL_WORDS) {
      room -= this.#mostColumns(grid.words[at] as number);
      if (room < 0) break;
      this.#writeCell(grid, at);
    }
    this.#pen.reset(this.#out);
  }

  /**
   * Columns that a glyph takes at most, whatever the terminal holds of it: one that takes more than was counted would
   * make the terminal wrap the line, and put an agent's text where only tags may stand.
   */
  #mostColumns(word: number): number {
    const columns = columnsOf(word);
    const glyph = glyphOf(word);
    if (columns === 0 || glyph < ASCII_END) return columns;
    const { certain, mostColumns } = this.#glyphs.of(glyph);
    return certain ? columns : mostColumns;
  }

  /** The end of a line that is still written, cut to `columns`; no line feed. */
  writeFooter(tag: LineTag, line: LineRows, columns: number): void {
    this.#writeTag(tag, false);
    this.#writeCells(line.grid, line.rows - 1, Math.max(0, columns - tag.columns));
  }

  #writeTag(tag: LineTag, continued: boolean): void {
    if (tag.nameColumns > 0) {
      this.#pen.changeTo(tag.ink.words, 0, false, this.#out);
      this.#out.append(this.#encoder.encode(continued ? ' '.repeat(tag.nameColumns) : tag.name));
      this.#pen.reset(this.#out);
    }
    this.#out.append(this.#encoder.encode(continued ? TAG_RULE_CONTINUED : TAG_RULE));
  }

  #writeCell(grid: CellGrid, at: number): void {
    const word = grid.words[at + CELL.glyph] as number;
    if (columnsOf(word) === 0) return;
    if (!this.#pen.suits(grid.words, at)) this.#pen.changeTo(grid.words, at, false, this.#out);
    const glyph = glyphOf(word);
    if (glyph < ASCII_END) this.#out.byte(glyph);
    else this.#out.append(this.#glyphs.of(glyph).bytes);
  }

  /** A terminal in raw mode takes a line feed as one row down, and nothing else. */
  #endLine(columns: number): void {
    this.#pen.reset(this.#out);
    if (columns > 0) this.#out.byte(CARRIAGE_RETURN);
    this.#out.byte(LINE_FEED);
  }
}
