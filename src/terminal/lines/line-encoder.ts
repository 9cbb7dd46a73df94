import { CELL, CELL_WORDS, type CellGrid, columnsOf, glyphOf } from '../cells/index.js';
import { GlyphByteTable, type OutputBytes, Pen, type PenOptions } from '../output/index.js';
import { type LineRows, usedColumns } from './agent-lines.js';
import { type LineTag, TAG_RULE, TAG_RULE_CONTINUED } from './line-tag.js';

const ASCII_END = 0x7f;
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

  /** A line with its end. `columns`: of the terminal, whose own wrap would put an agent's text in front; 0: as long as it is. */
  writeLine(tag: LineTag, line: LineRows, columns: number): void {
    const room = columns === 0 ? Number.POSITIVE_INFINITY : Math.max(2, columns - tag.columns);
    this.#writeTag(tag, false);
    let used = 0;
    for (let row = 0; row < line.rows; row += 1) {
      const count = row + 1 < line.rows ? line.grid.columns : usedColumns(line.grid, row);
      for (let x = 0; x < count; x += 1) {
        const at = line.grid.at(x, row);
        const width = columnsOf(line.grid.words[at] as number);
        if (used + width > room) {
          this.#endLine(columns);
          this.#writeTag(tag, true);
          used = 0;
        }
        this.#writeCell(line.grid, at);
        used += width;
      }
    }
    this.#endLine(columns);
  }

  /** A row as it is, without an end. */
  writeRow(grid: CellGrid, row: number): void {
    const end = grid.at(usedColumns(grid, row), row);
    for (let at = grid.at(0, row); at < end; at += CELL_WORDS) this.#writeCell(grid, at);
    this.#pen.reset(this.#out);
  }

  /** The end of a line that is still written, cut to `columns`; no line feed. */
  writeFooter(tag: LineTag, line: LineRows, columns: number): void {
    this.#writeTag(tag, false);
    const { grid } = line;
    const row = line.rows - 1;
    const end = grid.at(usedColumns(grid, row), row);
    let room = Math.max(0, columns - tag.columns);
    for (let at = grid.at(0, row); at < end; at += CELL_WORDS) {
      room -= columnsOf(grid.words[at] as number);
      if (room < 0) break;
      this.#writeCell(grid, at);
    }
    this.#pen.reset(this.#out);
  }

  #writeTag(tag: LineTag, continued: boolean): void {
    const { words } = tag.ink;
    this.#pen.changeTo(words, 0, false, this.#out);
    this.#out.append(this.#encoder.encode(continued ? ' '.repeat(tag.nameColumns) : tag.name));
    this.#pen.reset(this.#out);
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
