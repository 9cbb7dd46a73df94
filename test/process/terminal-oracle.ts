/** What a screen shows, in the words of the other emulator. */
import {
  CELL,
  CellGrid,
  columnsOf,
  glyphOf,
  glyphs,
  underlineOf,
} from '../../src/terminal/cells/index.js';
import type { AgentScreen } from '../../src/terminal/screen/index.js';
import { describeCell } from './tmux-capture.js';
import { type CapturedScreen, cursorText } from './tmux-terminal.js';

export function captureScreen(screen: AgentScreen): CapturedScreen {
  const { columns, rows, historyLines } = screen;
  const grid = new CellGrid(columns, 1);
  const cells = Array.from({ length: rows }, (_row, row) => {
    screen.copyLine(historyLines + row, grid, 0, 0, columns);
    return Array.from({ length: columns }, (_column, column) => cellText(grid, column));
  });
  const { cursor } = screen;
  return { cells, cursor: cursorText(cursor.column, cursor.row, cursor.visible) };
}

function cellText(grid: CellGrid, column: number): string {
  const at = grid.at(column, 0);
  const word = (offset: number): number => grid.words[at + offset] as number;
  const width = columnsOf(word(CELL.glyph));
  const style = word(CELL.style);
  return describeCell(width === 0 ? '' : glyphs.textOf(glyphOf(word(CELL.glyph))), width, {
    foreground: word(CELL.foreground),
    background: word(CELL.background),
    style: style & 0xff,
    underline: underlineOf(style),
    underlineColor: word(CELL.underlineColor),
  });
}

/** Differences, one a line; empty where there are none. */
export function differences(found: CapturedScreen, expected: CapturedScreen): string[] {
  const all: string[] = [];
  if (found.cursor !== expected.cursor) {
    all.push(`cursor ${found.cursor}, tmux ${expected.cursor}`);
  }
  for (const [y, row] of found.cells.entries()) {
    for (const [x, cell] of row.entries()) {
      const other = expected.cells[y]?.[x];
      if (cell !== other) all.push(`row ${y} column ${x}: ${cell}, tmux ${other}`);
    }
  }
  return all;
}
