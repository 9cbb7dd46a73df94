import type { CellGrid } from '../cells/index.js';
import { BINDINGS, SCROLL_KEYS } from './commands.js';
import { drawGlyph, drawLabel, labelColumns } from './label.js';
import { INK } from './theme.js';

type Entry = readonly [keys: string, text: string] | undefined;

const KEY_COLUMNS = 24;
const TEXT_COLUMNS = 30;
const MARGIN = 2;

function entries(prefix: string): readonly Entry[] {
  return [
    ...BINDINGS.map(({ keys, text }) => [keys.join('  '), text] as const),
    [prefix, `${prefix} itself, for the agent`],
    ['1 to 9', 'the agent of that number'],
    undefined,
    ...SCROLL_KEYS,
  ];
}

/** A box of all keys in the middle of the picture; in two columns where one does not fit. */
export function drawHelp(grid: CellGrid, prefix: string): void {
  const all = entries(prefix);
  const oneColumn = all.length + 4 <= grid.rows;
  const perColumn = oneColumn ? all.length : Math.ceil(all.length / 2);
  const shown = oneColumn ? [all] : [all.slice(0, perColumn), all.slice(perColumn)];
  const entryColumns = KEY_COLUMNS + TEXT_COLUMNS;
  const columns = Math.min(grid.columns, shown.length * entryColumns + 2 * MARGIN);
  const rows = Math.min(grid.rows, perColumn + 2);
  const left = Math.floor((grid.columns - columns) / 2);
  const top = Math.floor((grid.rows - rows) / 2);
  drawBox(grid, { left, top, columns, rows }, ` ${prefix}, then `, ' any key closes ');
  const each = Math.floor((columns - 2 * MARGIN) / shown.length);
  for (const [index, column] of shown.entries()) {
    for (const [line, entry] of column.slice(0, rows - 2).entries()) {
      if (entry === undefined) continue;
      const at = { column: left + MARGIN + index * each, row: top + 1 + line };
      const keyColumns = Math.min(KEY_COLUMNS, Math.floor(each / 2));
      drawLabel(grid, { ...at, columns: keyColumns - 1 }, entry[0], INK.accent);
      const text = { ...at, column: at.column + keyColumns, columns: each - keyColumns - 1 };
      drawLabel(grid, text, entry[1], INK.plain);
    }
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
