import { BLANK_GLYPH_WORD, CELL, CELL_WORDS } from './cell.js';
import { liveGrids } from './live-grids.js';

/** Cells in rows: what a pane or a whole terminal shows. Row-major, `CELL_WORDS` words a cell. */
export class CellGrid {
  readonly columns: number;
  readonly rows: number;
  readonly words: Uint32Array;

  /** All blank. `columns`, `rows`: at least 1. */
  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.words = new Uint32Array(columns * rows * CELL_WORDS);
    this.clear(0, 0, columns, rows);
    liveGrids.add(this);
  }

  /** Index of the first word of a cell. */
  at(column: number, row: number): number {
    return (row * this.columns + column) * CELL_WORDS;
  }

  /** The words of one row, a view. */
  row(row: number): Uint32Array {
    return this.words.subarray(this.at(0, row), this.at(this.columns, row));
  }

  /** Makes cells of a rectangle blank. */
  clear(column: number, row: number, columns: number, rows: number): void {
    for (let y = row; y < row + rows; y += 1) {
      const start = this.at(column, y);
      const end = start + columns * CELL_WORDS;
      this.words.fill(0, start, end);
      for (let word = start + CELL.glyph; word < end; word += CELL_WORDS) {
        this.words[word] = BLANK_GLYPH_WORD;
      }
    }
  }

  copyFrom(other: CellGrid): void {
    this.words.set(other.words);
  }
}
