import { CellGrid, type PaneCursor, columnsOf } from '../cells/index.js';
import type { Arrangement } from './arrangement.js';
import { FrameLines } from './frame-lines.js';
import type { PanePlace, Rect } from './grid-layout.js';
import { drawHelp } from './help.js';
import { drawLabel } from './label.js';
import type { Layout } from './layout.js';
import type { PaneView } from './pane-view.js';
import { type Status, drawStatus } from './status-line.js';
import { INK } from './theme.js';
import { drawList, drawTitle } from './titles.js';

/** One picture of everything. */
export interface Composition {
  readonly grid: CellGrid;
  readonly cursor: PaneCursor;
  /** Pane name to the version of its content that the picture shows; only of panes that are seen. */
  readonly versions: ReadonlyMap<string, number>;
}

/** What is drawn besides the panes. */
export interface Surroundings {
  readonly status: Status;
  /** The cursor stands behind the message: something is being typed there. */
  readonly prompting: boolean;
  readonly help: boolean;
}

/**
 * Keeps the picture of all panes from one frame to the next and draws into it only what changed: panes with a new
 * version, and lines and titles after the view itself changed.
 */
export class Composer {
  #base: CellGrid;
  /** The picture with a box over it, while there is one. */
  #covered: CellGrid | undefined;
  #layout: Layout | undefined;
  #lines: FrameLines;
  /** Where each pane stood in the picture. */
  #drawn = new Map<PaneView, PanePlace>();

  constructor(columns: number, rows: number) {
    this.#base = new CellGrid(columns, rows);
    this.#lines = new FrameLines({ column: 0, row: 0, columns: 0, rows: 0 });
  }

  resize(columns: number, rows: number): void {
    this.#relayout(new CellGrid(columns, rows));
  }

  compose(arrangement: Arrangement, surroundings: Surroundings, decorate: boolean): Composition {
    if (this.#layout !== arrangement.layout) {
      this.#relayout(new CellGrid(this.#base.columns, this.#base.rows), arrangement);
    } else if (decorate) this.#decorate(arrangement);
    for (const [view, { body }] of this.#drawn) {
      if (view.wantsDrawing) view.draw(this.#base, body);
    }
    const grid = this.#base;
    const end = drawStatus(grid, grid.rows - 1, surroundings.status);
    return {
      grid: surroundings.help ? this.#cover(surroundings.status.prefix) : grid,
      cursor: cursorOf(arrangement, surroundings, grid, end),
      versions: new Map([...this.#drawn.keys()].map((view) => [view.pane.name, view.drawnVersion])),
    };
  }

  /** Starts a picture anew. A pane in the middle of an update keeps what was seen of it, cut to its new place. */
  #relayout(grid: CellGrid, arrangement?: Arrangement): void {
    const before = this.#base;
    const places = this.#drawn;
    this.#base = grid;
    if (arrangement === undefined) {
      // The picture is kept for the panes that cannot be drawn; its places follow with the next layout.
      this.#layout = undefined;
      this.#base = resized(before, grid);
      return;
    }
    this.#layout = arrangement.layout;
    this.#drawn = new Map();
    for (const [index, place] of arrangement.layout.places) {
      const view = arrangement.views[index];
      if (view === undefined) continue;
      const old = places.get(view);
      view.placed(place.body.rows);
      if (!view.wantsDrawing && old !== undefined) copyRect(before, old.body, grid, place.body);
      else if (old === undefined) view.drawnVersion = -1;
      this.#drawn.set(view, place);
    }
    this.#drawLines(arrangement);
  }

  #drawLines(arrangement: Arrangement): void {
    const { layout, area } = arrangement;
    this.#lines = new FrameLines(area);
    for (const { frame } of this.#drawn.values()) this.#lines.addPane(frame);
    this.#decorate(arrangement);
    if (arrangement.views.length === 0) drawEmpty(this.#base, area);
    else if (layout.list !== undefined) {
      drawList(this.#base, layout.list, arrangement.views, arrangement.focus);
    }
  }

  /** Lines, titles and the list: what depends on focus and on what agents do. */
  #decorate(arrangement: Arrangement): void {
    const { views, focus, layout } = arrangement;
    this.#lines.draw(this.#base);
    const focused = layout.places.get(focus);
    if (focused !== undefined) this.#lines.drawFocus(this.#base, focused.frame, INK.focusLine);
    for (const [index, place] of layout.places) {
      const view = views[index];
      if (view !== undefined) drawTitle(this.#base, place, view, index + 1, index === focus);
    }
    if (layout.list !== undefined) drawList(this.#base, layout.list, views, focus);
  }

  #cover(prefix: string): CellGrid {
    const { columns, rows } = this.#base;
    if (this.#covered?.columns !== columns || this.#covered.rows !== rows) {
      this.#covered = new CellGrid(columns, rows);
    }
    this.#covered.copyFrom(this.#base);
    drawHelp(this.#covered, prefix);
    return this.#covered;
  }
}

const NO_CURSOR: PaneCursor = {
  column: 0,
  row: 0,
  visible: false,
  shape: 'block',
  blinking: false,
};

function cursorOf(
  arrangement: Arrangement,
  { prompting, help }: Surroundings,
  grid: CellGrid,
  promptEnd: number,
): PaneCursor {
  if (help) return NO_CURSOR;
  if (prompting) {
    const column = Math.min(promptEnd, grid.columns - 1);
    return { ...NO_CURSOR, column, row: grid.rows - 1, visible: true };
  }
  const { focused } = arrangement;
  return focused === undefined ? NO_CURSOR : focused.cursor;
}

function drawEmpty(grid: CellGrid, area: Rect): void {
  const text = 'no agents yet';
  const column = Math.max(0, Math.floor((area.columns - text.length) / 2));
  const place = { column, row: Math.floor(area.rows / 2), columns: area.columns - column };
  drawLabel(grid, place, text, INK.dim);
}

/** What fits of one rectangle into another, from their corners. */
function copyRect(from: CellGrid, source: Rect, to: CellGrid, target: Rect): void {
  const columns = Math.min(source.columns, target.columns);
  for (let row = 0; row < Math.min(source.rows, target.rows); row += 1) {
    const start = from.at(source.column, source.row + row);
    const words = from.words.subarray(start, start + from.at(columns, 0));
    to.words.set(words, to.at(target.column, target.row + row));
    const last = target.column + columns - 1;
    const isCut = columnsOf(to.words[to.at(last, target.row + row)] as number) === 2;
    if (isCut) to.clear(last, target.row + row, 1, 1);
  }
}

function resized(from: CellGrid, to: CellGrid): CellGrid {
  const whole = (grid: CellGrid): Rect => ({
    column: 0,
    row: 0,
    columns: grid.columns,
    rows: grid.rows,
  });
  copyRect(from, whole(from), to, whole(to));
  return to;
}
