import { printable } from '../../core/index.js';
import { CELL, type CellGrid, glyphWord, glyphs } from '../cells/index.js';
import type { Ink } from './theme.js';

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** East Asian wide and full-width blocks, and what is drawn as an emoji. */
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|.\ufe0f)/u;

/** Marks that come without a letter take no column of their own: they are left out. */
const LONE_MARK = /^\p{M}/u;

const MAX_LABEL_LENGTH = 512;

interface LabelGlyph {
  readonly id: number;
  readonly columns: number;
}

/**
 * Text of the view's own as glyphs. Foreign text passes through `printable()`, so that a name can neither act on the
 * terminal nor leave its label: a line of the view is only ever drawn by the view.
 */
function glyphsOf(text: string): LabelGlyph[] {
  const found: LabelGlyph[] = [];
  for (const { segment } of segmenter.segment(printable(text, MAX_LABEL_LENGTH))) {
    if (LONE_MARK.test(segment)) continue;
    found.push({ id: glyphs.idOf(segment), columns: WIDE.test(segment) ? 2 : 1 });
  }
  return found;
}

export function labelColumns(text: string): number {
  return glyphsOf(text).reduce((sum, { columns }) => sum + columns, 0);
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
  const all = glyphsOf(text);
  const whole = all.reduce((sum, { columns }) => sum + columns, 0) <= room;
  let used = 0;
  for (const glyph of all) {
    if (used + glyph.columns > (whole ? room : room - 1)) break;
    drawGlyph(grid, place.column + used, place.row, glyph.id, glyph.columns, ink);
    used += glyph.columns;
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
