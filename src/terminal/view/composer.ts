import { CellGrid, type PaneCursor } from '../cells/index.js';
import type { Arrangement } from './arrangement.js';
import { FrameLines } from './frame-lines.js';
import type { PanePlace, Rect } from './grid-layout.js';
import { drawHelp, type Help } from './help.js';
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
  /** The cursor stands in the status line: something is being typed there. */
  readonly prompting: boolean;
  /** The box over everything, while it is asked for. */
  readonly help: Help | undefined;
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
  /** Of the cursor in the status line, while something is typed there. */
  #promptColumn = 0;
  /** Where each pane stood in the picture. */
  #drawn = new Map<PaneView, PanePlace>();

  constructor(columns: number, rows: number) {
    this.#base = new CellGrid(columns, rows);
    this.#lines = new FrameLines({ column: 0, row: 0, columns: 0, rows: 0 });
  }

  resize(columns: number, rows: number): void {
    this.#base = new CellGrid(columns, rows);
    this.#layout = undefined;
  }

  compose(arrangement: Arrangement, surroundings: Surroundings, decorate: boolean): Composition {
    const moved = this.#layout !== arrangement.layout;
    if (moved) this.#relayout(arrangement);
    else if (decorate) this.#decorate(arrangement);
    for (const [view, { body }] of this.#drawn) {
      if (view.wantsDrawing) view.draw(this.#base, body);
    }
    const grid = this.#base;
    if (moved || decorate) {
      this.#promptColumn = drawStatus(grid, grid.rows - 1, surroundings.status);
    }
    return {
      grid: surroundings.help === undefined ? grid : this.#cover(surroundings.help),
      cursor: cursorOf(arrangement, surroundings, grid, this.#promptColumn),
      versions: new Map([...this.#drawn.keys()].map((view) => [view.pane.name, view.drawnVersion])),
    };
  }

  /** Starts the picture anew. */
  #relayout(arrangement: Arrangement): void {
    this.#base.clear(0, 0, this.#base.columns, this.#base.rows);
    this.#layout = arrangement.layout;
    this.#drawn = new Map();
    for (const [index, place] of arrangement.layout.places) {
      const view = arrangement.views[index];
      if (view === undefined) continue;
      view.placed(place.body.rows);
      this.#drawn.set(view, place);
    }
    this.#drawLines(arrangement);
  }

  #drawLines(arrangement: Arrangement): void {
    const { layout, area } = arrangement;
    this.#lines = new FrameLines(area);
    for (const { frame } of this.#drawn.values()) this.#lines.addPane(frame);
    if (layout.list !== undefined) this.#lines.addPane(layout.list);
    this.#decorate(arrangement);
    if (arrangement.views.length === 0) drawEmpty(this.#base, area);
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

  #cover(help: Help): CellGrid {
    const { columns, rows } = this.#base;
    if (this.#covered?.columns !== columns || this.#covered.rows !== rows) {
      this.#covered = new CellGrid(columns, rows);
    }
    this.#covered.copyFrom(this.#base);
    drawHelp(this.#covered, help);
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
  promptColumn: number,
): PaneCursor {
  if (help !== undefined) return NO_CURSOR;
  if (prompting) {
    const column = Math.min(promptColumn, grid.columns - 1);
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
