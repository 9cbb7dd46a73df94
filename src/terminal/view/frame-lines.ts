import type { CellGrid } from '../cells/index.js';
import type { Rect } from './grid-layout.js';
import { drawGlyph } from './label.js';
import { type Ink, INK } from './theme.js';

const UP = 1;
const DOWN = 2;
const LEFT = 4;
const RIGHT = 8;

/** Box drawing by the sides that meet: light lines, whose widths every terminal agrees on. */
const JOINTS = ' ╵╷│╴┘┐┤╶└┌├─┴┬┼';

const JOINT_GLYPHS = [...JOINTS].map((text) => text.codePointAt(0) ?? 0x20);

/** The lines between panes: title rows and what parts neighbours, joined where they meet. */
export class FrameLines {
  readonly #area: Rect;
  readonly #sides: Uint8Array;

  constructor(area: Rect) {
    this.#area = area;
    this.#sides = new Uint8Array(area.columns * area.rows);
  }

  /** The title row of a pane, and the lines left and right of it where they lie inside the area. */
  addPane(frame: Rect): void {
    for (let column = frame.column; column < frame.column + frame.columns; column += 1) {
      this.#add(column, frame.row, LEFT | RIGHT);
    }
    for (const column of [frame.column - 1, frame.column + frame.columns]) {
      for (let row = frame.row; row < frame.row + frame.rows; row += 1) {
        // The line of the row above ends at a title row; the one of this row begins there.
        this.#add(column, row, row === frame.row ? DOWN : UP | DOWN);
      }
      this.#add(column, frame.row, column < frame.column ? RIGHT : LEFT);
      this.#add(column, frame.row + frame.rows, UP);
    }
  }

  draw(grid: CellGrid): void {
    const { column, row, columns, rows } = this.#area;
    for (let y = 0; y < rows; y += 1) {
      for (let x = 0; x < columns; x += 1) {
        const sides = this.#sides[y * columns + x] ?? 0;
        if (sides !== 0)
          drawGlyph(grid, column + x, row + y, JOINT_GLYPHS[sides] ?? 0x20, 1, INK.line);
      }
    }
  }

  /** The lines around the pane in focus once more, in its colour. */
  drawFocus(grid: CellGrid, frame: Rect, ink: Ink): void {
    for (let column = frame.column; column < frame.column + frame.columns; column += 1) {
      this.#drawOne(grid, column, frame.row, ink);
    }
    for (const column of [frame.column - 1, frame.column + frame.columns]) {
      for (let row = frame.row; row < frame.row + frame.rows; row += 1) {
        this.#drawOne(grid, column, row, ink);
      }
    }
  }

  #drawOne(grid: CellGrid, column: number, row: number, ink: Ink): void {
    const sides = this.#sides[this.#index(column, row)] ?? 0;
    if (sides !== 0) drawGlyph(grid, column, row, JOINT_GLYPHS[sides] ?? 0x20, 1, ink);
  }

  /** -1 outside. */
  #index(column: number, row: number): number {
    const x = column - this.#area.column;
    const y = row - this.#area.row;
    return x < 0 || y < 0 || x >= this.#area.columns || y >= this.#area.rows
      ? -1
      : y * this.#area.columns + x;
  }

  #add(column: number, row: number, sides: number): void {
    const index = this.#index(column, row);
    if (index >= 0) this.#sides[index] = (this.#sides[index] ?? 0) | sides;
  }
}
