import type { CellGrid } from '../cells/index.js';
import type { PanePlace, Rect } from './grid-layout.js';
import { drawGlyph, drawLabel, labelColumns } from './label.js';
import type { PaneView } from './pane-view.js';
import { BADGES, INK, type Ink, ink } from './theme.js';

const MIN_NAME_COLUMNS = 6;
const SEPARATOR = ' · ';
const WANTS_TO_COPY = 'wants to copy';

/** ` ● name `, what it does and what it says of itself, on the line above a pane. */
export function drawTitle(
  grid: CellGrid,
  { frame }: PanePlace,
  view: PaneView,
  number: number,
  focused: boolean,
): void {
  const { row } = frame;
  const end = frame.column + frame.columns - 1;
  const { name, color, state, note, copyRequest } = view.pane;
  const badge = BADGES[state];
  const right = rightText(view);
  const rightColumns = right === '' ? 0 : labelColumns(right) + 2;
  const room = end - frame.column - 1;
  const showsRight = rightColumns > 0 && room - rightColumns >= MIN_NAME_COLUMNS + 6;
  const limit = showsRight ? end - rightColumns : end;
  const nameInk: Ink = focused ? { ...ink(color), style: INK.bold.style } : ink(color);
  let column = frame.column + 1;
  const draw = (text: string, textInk: Ink): void => {
    column += drawLabel(grid, { column, row, columns: limit - column }, text, textInk);
  };
  draw(` ${number} `, focused ? INK.mode : INK.dim);
  draw(focused ? ` ${badge.symbol} ` : `${badge.symbol} `, badge.ink);
  draw(name, nameInk);
  if (copyRequest !== undefined && limit - column > labelColumns(WANTS_TO_COPY) + 4) {
    draw(SEPARATOR, INK.dim);
    draw(WANTS_TO_COPY, INK.alert);
  }
  // A note is foreign: it stands behind the word for the state, which is ours.
  if (badge.told && limit - column > labelColumns(badge.word) + 4) {
    draw(SEPARATOR, INK.dim);
    draw(badge.word, badge.ink);
  }
  if (note !== '' && limit - column > 8) {
    draw(SEPARATOR, INK.dim);
    draw(note, state === 'waits' ? INK.bold : INK.dim);
  }
  draw(' ', INK.plain);
  if (showsRight) {
    drawLabel(grid, { column: limit, row, columns: rightColumns }, ` ${right} `, INK.accent);
  }
}

function rightText({ scroll }: PaneView): string {
  if (scroll === undefined) return '';
  return scroll.linesBelow === 0 ? 'scroll: at the end' : `scroll: ${scroll.linesBelow} below`;
}

/** The list of the focus layout: an agent a row, those around the one in focus where they do not all fit. */
export function drawList(
  grid: CellGrid,
  list: Rect,
  views: readonly PaneView[],
  focus: number,
): void {
  grid.clear(list.column, list.row + 1, list.columns, list.rows - 1);
  const rows = list.rows - 1;
  const first = firstListed(views.length, focus, rows);
  drawListHead(grid, list, views.length);
  for (const [index, view] of views.slice(first, first + rows).entries()) {
    drawListRow(grid, list, list.row + 1 + index, view, first + index === focus);
  }
}

/** The pane whose row was clicked, undefined for an empty one. */
export function listedAt(
  list: Rect,
  row: number,
  count: number,
  focus: number,
): number | undefined {
  const index = firstListed(count, focus, list.rows - 1) + row - list.row - 1;
  return row > list.row && index < count ? index : undefined;
}

function firstListed(count: number, focus: number, rows: number): number {
  return Math.max(0, Math.min(count - rows, focus - Math.floor(rows / 2)));
}

function drawListHead(grid: CellGrid, list: Rect, count: number): void {
  const place = { column: list.column + 1, row: list.row, columns: list.columns - 2 };
  drawLabel(grid, place, ` agents ${count} `, INK.dim);
}

function drawListRow(
  grid: CellGrid,
  list: Rect,
  row: number,
  { pane }: PaneView,
  focused: boolean,
): void {
  const badge = BADGES[pane.state];
  const end = list.column + list.columns;
  // One bar from end to end, whatever colours its words have otherwise.
  const lit = (text: Ink): Ink => (focused ? INK.selected : text);
  for (let column = list.column; column < end; column += 1) {
    drawGlyph(grid, column, row, 0x20, 1, lit(INK.plain));
  }
  let { column } = list;
  const draw = (text: string, textInk: Ink): void => {
    column += drawLabel(grid, { column, row, columns: end - column }, text, lit(textInk));
  };
  draw(` ${badge.symbol} `, badge.ink);
  draw(pane.name, ink(pane.color));
  const said = pane.note === '' ? badge.word : pane.note;
  if (end - column <= 6) return;
  if (pane.copyRequest !== undefined) draw(`  ${WANTS_TO_COPY}`, INK.alert);
  else draw(`  ${said}`, pane.state === 'waits' ? badge.ink : INK.dim);
}
