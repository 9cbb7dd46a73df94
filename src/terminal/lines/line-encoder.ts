import { CELL, CELL_WORDS, type CellGrid, columnsOf, glyphOf } from '../cells/index.js';
import { GlyphByteTable, type OutputBytes, Pen, type PenOptions } from '../output/index.js';
import { type LineRows, usedColumns } from './agent-lines.js';
import { type LineTag, TAG_RULE, TAG_RULE_CONTINUED } from './line-tag.js';

const ASCII_END = 0x7f;
const LINE_FEED = 0x0a;

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
        const width = columnsOf(line.grid.words[at] as number);
        if (used + width > room) {
          this.#endLine();
          this.#writeTag(tag, true);
          used = 0;
        }
        this.#writeCell(line.grid, at);
        used += width;
      }
    }
    this.#endLine();
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

  #endLine(): void {
    this.#pen.reset(this.#out);
    this.#out.byte(LINE_FEED);
  }
}
