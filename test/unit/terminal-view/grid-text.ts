import { type CellGrid, columnsOf, glyphOf, glyphs } from '../../../src/terminal/cells/index.js';

/** The rows of a picture as text. */
export function gridText(grid: CellGrid): string[] {
  return Array.from({ length: grid.rows }, (_row, row) =>
    Array.from({ length: grid.columns }, (_column, column) => {
      const word = grid.words[grid.at(column, row)] ?? 0;
      return columnsOf(word) === 0 ? '' : glyphs.textOf(glyphOf(word));
    })
      .join('')
      .trimEnd(),
  );
}
