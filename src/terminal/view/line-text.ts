import { CellGrid, type PaneContent, columnsOf, glyphOf, glyphs } from '../cells/index.js';

/** The text of a row of cells with the column of each of its UTF-16 units. */
export interface LineText {
  readonly text: string;
  /** One more than there are units: the column after the text too. */
  readonly columns: readonly number[];
}

/** Reads a row of `grid` from `column` on, `count` cells. */
export function rowText(grid: CellGrid, row: number, column: number, count: number): LineText {
  let text = '';
  const columns: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const word = grid.words[grid.at(column + index, row)] as number;
    if (columnsOf(word) === 0) continue;
    const glyph = glyphs.textOf(glyphOf(word));
    for (let unit = 0; unit < glyph.length; unit += 1) columns.push(index);
    text += glyph;
  }
  columns.push(count);
  return { text, columns };
}

/** A line of a pane, spaces at its end included. */
export function lineText(content: PaneContent, line: number): LineText {
  const scratch = new CellGrid(content.columns, 1);
  content.copyLine(line, scratch, 0, 0, content.columns);
  return rowText(scratch, 0, 0, content.columns);
}

/** A place in the lines of a pane. `line` counts from the first line there ever was. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

export function isBefore(a: TextPlace, b: TextPlace): boolean {
  return a.line < b.line || (a.line === b.line && a.column < b.column);
}

const MAX_SELECTED_LINES = 100_000;

/**
 * The text from one place to another, both included: spaces at the end of lines left out, lines that the terminal
 * wrapped joined again.
 */
export function textBetween(content: PaneContent, from: TextPlace, to: TextPlace): string {
  const first = Math.max(from.line, content.forgottenLines);
  const last = Math.min(to.line, first + MAX_SELECTED_LINES);
  const parts: string[] = [];
  for (let line = first; line <= last; line += 1) {
    const index = line - content.forgottenLines;
    if (index >= content.historyLines + content.rows) break;
    const { text, columns } = lineText(content, index);
    const start = line === from.line ? firstUnit(columns, from.column) : 0;
    const end = line === to.line ? firstUnit(columns, to.column + 1) : text.length;
    const continues =
      index + 1 < content.historyLines + content.rows && content.lineText(index + 1).wrapped;
    const part = text.slice(start, end);
    parts.push(
      continues && line < last ? part : part.trimEnd(),
      continues && line < last ? '' : '\n',
    );
  }
  parts.pop();
  return parts.join('');
}

function firstUnit(columns: readonly number[], column: number): number {
  const unit = columns.findIndex((at) => at >= column);
  return unit < 0 ? columns.length - 1 : unit;
}
