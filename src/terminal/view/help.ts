import type { CellGrid } from '../cells/index.js';
import type { HelpEntry } from './commands.js';
import { drawGlyph, drawLabel, labelColumns } from './label.js';
import { INK } from './theme.js';

const KEY_COLUMNS = 22;
const TEXT_COLUMNS = 38;
const MARGIN = 2;

/** What the box of all keys says. */
export interface Help {
  readonly title: string;
  /** Undefined is an empty line. */
  readonly entries: readonly (HelpEntry | undefined)[];
}

/** A box of all keys in the middle of the picture; what does not fit is cut off at the bottom. */
export function drawHelp(grid: CellGrid, { title, entries }: Help): void {
  const columns = Math.min(grid.columns, KEY_COLUMNS + TEXT_COLUMNS + 2 * MARGIN);
  const rows = Math.min(grid.rows, entries.length + 2);
  const left = Math.floor((grid.columns - columns) / 2);
  const top = Math.floor((grid.rows - rows) / 2);
  drawBox(grid, { left, top, columns, rows }, ` ${title} `, ' any key closes ');
  const inside = columns - 2 * MARGIN;
  const keyColumns = Math.min(KEY_COLUMNS, Math.floor(inside / 2));
  for (const [line, entry] of entries.slice(0, Math.max(0, rows - 2)).entries()) {
    if (entry === undefined) continue;
    const at = { column: left + MARGIN, row: top + 1 + line };
    drawLabel(grid, { ...at, columns: keyColumns - 1 }, entry[0], INK.accent);
    const text = { ...at, column: at.column + keyColumns, columns: inside - keyColumns };
    drawLabel(grid, text, entry[1], INK.plain);
  }
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly columns: number;
  readonly rows: number;
}

function drawBox(grid: CellGrid, box: Box, title: string, foot: string): void {
  const { left, top, columns, rows } = box;
  const bottom = top + rows - 1;
  const right = left + columns - 1;
  const draw = (column: number, row: number, text: string): void =>
    drawGlyph(grid, column, row, text.codePointAt(0) ?? 0x20, 1, INK.accent);
  for (let row = top; row <= bottom; row += 1) {
    for (let column = left; column <= right; column += 1) {
      const edge = row === top || row === bottom ? '─' : ' ';
      draw(column, row, column === left || column === right ? '│' : edge);
    }
  }
  draw(left, top, '┌');
  draw(right, top, '┐');
  draw(left, bottom, '└');
  draw(right, bottom, '┘');
  drawLabel(grid, { column: left + 2, row: top, columns: columns - 4 }, title, INK.bold);
  const footColumn = Math.max(left + 2, right - 1 - labelColumns(foot));
  drawLabel(grid, { column: footColumn, row: bottom, columns: columns - 4 }, foot, INK.dim);
}
