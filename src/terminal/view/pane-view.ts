import {
  CELL,
  CellGrid,
  type PaneCursor,
  STYLE,
  columnsOf,
  links,
  paletteColor,
} from '../cells/index.js';
import type { Rect } from './grid-layout.js';
import { rowText } from './line-text.js';
import { ScrollState } from './scroll-state.js';
import { unitsOf } from './search-lines.js';
import type { ViewPane } from './view-pane.js';

const HIDDEN: PaneCursor = {
  column: 0,
  row: 0,
  visible: false,
  shape: 'block',
  blinking: false,
};

/** A pane as one view shows it: where it is scrolled to, and which version of it stands in the picture. */
export class PaneView {
  pane: ViewPane;
  scroll: ScrollState | undefined;
  /** The version that was drawn last, -1: none. */
  drawnVersion = -1;
  /** Something of the view's own changed: to be drawn whatever its version. */
  stale = true;
  #cursor: PaneCursor = HIDDEN;

  constructor(pane: ViewPane) {
    this.pane = pane;
  }

  /** The same pane, described anew. */
  take(pane: ViewPane): this {
    if (pane.content !== this.pane.content) {
      this.scroll = undefined;
      this.drawnVersion = -1;
      this.stale = true;
    }
    this.pane = pane;
    return this;
  }

  /** Whether drawing would change the picture. */
  get wantsDrawing(): boolean {
    return this.stale || this.pane.content.version !== this.drawnVersion;
  }

  /** The cursor as it was drawn, in cells of the terminal. */
  get cursor(): PaneCursor {
    return this.#cursor;
  }

  /** Starts to scroll back, from what is seen. */
  startScroll(rows: number): ScrollState {
    this.scroll ??= new ScrollState(this.pane.content, this.#liveTop(rows), Math.max(1, rows));
    this.stale = true;
    return this.scroll;
  }

  endScroll(): void {
    this.scroll = undefined;
    this.stale = true;
  }

  /** It got a place, perhaps of another height: all of it is to be drawn. */
  placed(rows: number): void {
    this.scroll = this.scroll?.resized(Math.max(1, rows));
    this.stale = true;
  }

  /** The row of the program's screen that stands in row `row` of a body of `rows`. */
  screenRow(row: number, rows: number): number {
    return this.#liveTop(rows) - this.pane.content.historyLines + row;
  }

  /** Where the cell leads that stands at `row` and `column` of a body of `rows`; undefined: nowhere. */
  linkAt(row: number, column: number, rows: number): string | undefined {
    const { content } = this.pane;
    const line = (this.scroll?.top ?? this.#liveTop(rows)) + row;
    if (line >= content.historyLines + content.rows || column >= content.columns) return undefined;
    const scratch = new CellGrid(column + 1, 1);
    content.copyLine(line, scratch, 0, 0, column + 1);
    const link = scratch.words[scratch.at(column, 0) + CELL.link] as number;
    return link === 0 ? undefined : links.linkOf(link).uri;
  }

  /** Draws the content into its place and notes which version it was. */
  draw(grid: CellGrid, body: Rect): void {
    const { content } = this.pane;
    const top = this.scroll?.top ?? this.#liveTop(body.rows);
    const count = content.historyLines + content.rows;
    for (let row = 0; row < body.rows; row += 1) {
      if (top + row < count) {
        content.copyLine(top + row, grid, body.row + row, body.column, body.columns);
      } else grid.clear(body.column, body.row + row, body.columns, 1);
    }
    if (this.scroll !== undefined) this.#markScrolled(this.scroll, grid, body);
    this.#cursor = this.#cursorIn(body, top);
    this.drawnVersion = content.version;
    this.stale = false;
  }

  /** The newest lines; of a screen higher than the pane those around its cursor. */
  #liveTop(rows: number): number {
    const { content } = this.pane;
    const hidden = Math.max(0, content.rows - rows);
    const needed = Math.max(0, content.cursor.row - rows + 1);
    return content.historyLines + Math.min(hidden, needed);
  }

  #cursorIn(body: Rect, top: number): PaneCursor {
    const { content } = this.pane;
    if (this.scroll !== undefined) {
      const { row, column } = this.scroll.cursor;
      if (column >= body.columns) return HIDDEN;
      return { ...HIDDEN, column: body.column + column, row: body.row + row, visible: true };
    }
    const { cursor } = content;
    const row = content.historyLines + cursor.row - top;
    const inside = row >= 0 && row < body.rows && cursor.column <= body.columns;
    if (!inside || !cursor.visible) return HIDDEN;
    const column = body.column + Math.min(cursor.column, body.columns - 1);
    return { ...cursor, column, row: body.row + row };
  }

  /** What was searched for, and what is selected. */
  #markScrolled(scroll: ScrollState, grid: CellGrid, body: Rect): void {
    const { forgottenLines } = this.pane.content;
    const range = scroll.selection;
    for (let row = 0; row < body.rows; row += 1) {
      const line = forgottenLines + scroll.top + row;
      if (scroll.query !== '') markMatches(grid, body, row, scroll.query);
      if (range === undefined || line < range.from.line || line > range.to.line) continue;
      const from = line === range.from.line ? range.from.column : 0;
      const to = line === range.to.line ? range.to.column : body.columns - 1;
      markSelected(grid, body, row, from, Math.min(to, body.columns - 1));
    }
  }
}

const MATCH_BACKGROUND = paletteColor(3);
const MATCH_FOREGROUND = paletteColor(0);

function markMatches(grid: CellGrid, body: Rect, row: number, query: string): void {
  const { text, columns } = rowText(grid, body.row + row, body.column, body.columns);
  for (const unit of unitsOf(text, query)) {
    const end = columns[unit + query.length] ?? body.columns;
    for (let column = columns[unit] ?? 0; column < end; column += 1) {
      const at = grid.at(body.column + column, body.row + row);
      grid.words[at + CELL.background] = MATCH_BACKGROUND;
      grid.words[at + CELL.foreground] = MATCH_FOREGROUND;
    }
  }
}

function markSelected(grid: CellGrid, body: Rect, row: number, from: number, to: number): void {
  for (let column = from; column <= to; column += 1) {
    const at = grid.at(body.column + column, body.row + row);
    grid.words[at + CELL.style] = (grid.words[at + CELL.style] as number) ^ STYLE.inverse;
  }
  // A wide glyph is selected as a whole.
  const last = grid.at(body.column + to, body.row + row);
  const isLeftHalf = columnsOf(grid.words[last] as number) === 2 && to + 1 < body.columns;
  if (isLeftHalf) markSelected(grid, body, row, to + 1, to + 1);
}
