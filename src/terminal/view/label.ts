import { printable } from '../../core/index.js';
import {
  CELL,
  type CellGrid,
  clustersOf,
  columnsOfText,
  glyphWord,
  glyphs,
} from '../cells/index.js';
import type { Ink } from './theme.js';

const MAX_LABEL_LENGTH = 512;

/**
 * Text of a label as what is drawn. Foreign text passes through `printable()`, so that a name can neither act on the
 * terminal nor leave its label: a line of the view is only ever drawn by the view.
 */
function safe(text: string): string {
  return printable(text, MAX_LABEL_LENGTH);
}

export function labelColumns(text: string): number {
  return columnsOfText(safe(text));
}

/** A place in a grid and the columns there are. */
export interface LabelPlace {
  readonly column: number;
  readonly row: number;
  readonly columns: number;
}

/** Draws text, ending in an ellipsis where it is cut. The columns it took, never more than there are. */
export function drawLabel(grid: CellGrid, place: LabelPlace, text: string, ink: Ink): number {
  const room = Math.min(place.columns, grid.columns - place.column);
  if (room <= 0 || place.row < 0 || place.row >= grid.rows) return 0;
  const all = clustersOf(safe(text));
  const whole = all.reduce((sum, { columns }) => sum + columns, 0) <= room;
  let used = 0;
  for (const cluster of all) {
    if (used + cluster.columns > (whole ? room : room - 1)) break;
    const id = glyphs.idOf(cluster.text);
    drawGlyph(grid, place.column + used, place.row, id, cluster.columns, ink);
    used += cluster.columns;
  }
  if (!whole) {
    drawGlyph(grid, place.column + used, place.row, ELLIPSIS, 1, ink);
    used += 1;
  }
  return used;
}

const ELLIPSIS = '…'.codePointAt(0) ?? 0;

/** One glyph with its right half, if it has one. */
export function drawGlyph(
  grid: CellGrid,
  column: number,
  row: number,
  glyph: number,
  columns: number,
  ink: Ink,
): void {
  for (let half = 0; half < columns; half += 1) {
    const at = grid.at(column + half, row);
    grid.words[at] = half === 0 ? glyphWord(glyph, columns) : glyphWord(0, 0);
    grid.words[at + CELL.foreground] = ink.foreground;
    grid.words[at + CELL.background] = ink.background;
    grid.words[at + CELL.style] = ink.style;
    grid.words[at + CELL.underlineColor] = 0;
    grid.words[at + CELL.link] = 0;
  }
}
