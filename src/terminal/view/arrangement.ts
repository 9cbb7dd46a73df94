import type { GridWeights, PanePlace, Rect } from './grid-layout.js';
import {
  LAYOUT_KINDS,
  type Layout,
  type LayoutKind,
  layOut,
  listWeightFor,
  neighborOf,
} from './layout.js';
import { PaneView } from './pane-view.js';
import { type Separator, separatorAt, wayTo } from './separators.js';
import type { ViewPane } from './view-pane.js';

const NO_WEIGHTS: GridWeights = Object.freeze({ rows: [], columns: [] });
const RESIZE_STEP = { columns: 4, rows: 2 } as const;

/** Which panes there are, which has the focus, and where each stands. */
export class Arrangement {
  #views: PaneView[] = [];
  #focus = 0;
  #kind: LayoutKind;
  /** Where zoom came from. */
  #unzoomed: LayoutKind;
  #area: Rect;
  #weights = NO_WEIGHTS;
  #listWeight = 0;
  #layout: Layout | undefined;

  constructor(kind: LayoutKind, area: Rect) {
    this.#kind = kind;
    this.#unzoomed = kind === 'zoom' ? 'grid' : kind;
    this.#area = area;
  }

  get views(): readonly PaneView[] {
    return this.#views;
  }

  /** Index of the pane in focus. */
  get focus(): number {
    return this.#focus;
  }

  get focused(): PaneView | undefined {
    return this.#views[this.#focus];
  }

  get kind(): LayoutKind {
    return this.#kind;
  }

  get area(): Rect {
    return this.#area;
  }

  get layout(): Layout {
    this.#layout ??= layOut({
      kind: this.#kind,
      count: this.#views.length,
      focus: this.#focus,
      area: this.#area,
      weights: this.#weights,
      listWeight: this.#listWeight,
    });
    return this.#layout;
  }

  placeOf(view: PaneView): PanePlace | undefined {
    return this.layout.places.get(this.#views.indexOf(view));
  }

  /** The pane in focus stays so by its name; where it is gone, the one in its place. */
  setPanes(panes: readonly ViewPane[]): void {
    const known = new Map(this.#views.map((view) => [view.pane.name, view]));
    const focused = this.focused?.pane.name;
    const before = this.#views;
    this.#views = panes.map((pane) => known.get(pane.name)?.take(pane) ?? new PaneView(pane));
    if (this.#views.every((view, index) => view === before[index])) {
      if (before.length === panes.length) return;
    }
    const kept = this.#views.findIndex(({ pane }) => pane.name === focused);
    this.#focus = kept >= 0 ? kept : Math.max(0, Math.min(this.#focus, panes.length - 1));
    if (before.length !== panes.length) this.#weights = NO_WEIGHTS;
    this.#layout = undefined;
  }

  setArea(area: Rect): void {
    this.#area = area;
    this.#weights = NO_WEIGHTS;
    this.#layout = undefined;
  }

  setKind(kind: LayoutKind): void {
    if (this.#kind !== 'zoom') this.#unzoomed = this.#kind;
    this.#kind = kind;
    this.#layout = undefined;
  }

  toggleZoom(): void {
    this.setKind(this.#kind === 'zoom' ? this.#unzoomed : 'zoom');
  }

  nextKind(): void {
    const index = LAYOUT_KINDS.indexOf(this.#kind);
    this.setKind(LAYOUT_KINDS[(index + 1) % LAYOUT_KINDS.length] ?? 'grid');
  }

  /** Whether another pane has the focus now. */
  focusOn(index: number): boolean {
    if (index === this.#focus || index < 0 || index >= this.#views.length) return false;
    this.#focus = index;
    this.#layout = undefined;
    return true;
  }

  focusBy(step: number): boolean {
    const count = this.#views.length;
    return count > 0 && this.focusOn((((this.#focus + step) % count) + count) % count);
  }

  focusToward(direction: 'left' | 'right' | 'up' | 'down'): boolean {
    const index = neighborOf(this.layout, this.#focus, direction);
    if (index !== undefined) return this.focusOn(index);
    // In the other layouts the agents are a list.
    if (this.#kind === 'grid') return false;
    return this.focusBy(direction === 'left' || direction === 'up' ? -1 : 1);
  }

  /** Makes the pane in focus larger or smaller, at the cost of its neighbour. */
  resizeFocused(axis: 'columns' | 'rows', sign: 1 | -1): void {
    const { shape, page, list } = this.layout;
    const step = RESIZE_STEP[axis] * sign;
    if (list !== undefined && axis === 'columns') {
      // The pane in focus grows as the list shrinks.
      return this.moveSeparator({ kind: 'list' }, list.column + list.columns - step, 0);
    }
    const frame = this.layout.places.get(this.#focus)?.frame;
    if (shape === undefined || frame === undefined) return undefined;
    const { row, index } = cellOf(shape.perRow, this.#focus - this.#firstOf(page));
    const inRow = shape.perRow[row] ?? 1;
    // The line behind it; of the last one the line before it, which goes the other way.
    if (axis === 'rows') {
      const isLast = row + 1 === shape.perRow.length;
      const line = isLast ? frame.row - step : frame.row + frame.rows + step;
      return this.moveSeparator({ kind: 'row', row: isLast ? row - 1 : row }, 0, line);
    }
    const isLast = index + 1 === inRow;
    const line = isLast ? frame.column - 1 - step : frame.column + frame.columns + step;
    return this.moveSeparator({ kind: 'column', row, index: isLast ? index - 1 : index }, line, 0);
  }

  /** The line at a cell that can be moved. */
  separatorAt(column: number, row: number): Separator | undefined {
    return separatorAt(this.layout, column, row);
  }

  /** Moves a line to a cell, or as near as it can be. One that is not there any more is nothing. */
  moveSeparator(separator: Separator, column: number, row: number): void {
    if (separator.kind === 'list') {
      this.#listWeight = listWeightFor(this.#area, column - this.#area.column);
    } else {
      const way = wayTo(this.layout, separator, column, row);
      if (way === 0) return;
      const rows = [...this.#weights.rows];
      const columns = this.#weights.columns.map((weights) => [...weights]);
      if (separator.kind === 'row') rows[separator.row] = (rows[separator.row] ?? 0) + way;
      else {
        const weights = columns[separator.row] ?? [];
        weights[separator.index] = (weights[separator.index] ?? 0) + way;
        columns[separator.row] = weights;
      }
      this.#weights = { rows, columns };
    }
    this.#layout = undefined;
  }

  #firstOf(page: number): number {
    return Math.ceil(this.#views.length / this.layout.pages) * page;
  }
}

function cellOf(perRow: readonly number[], focus: number): { row: number; index: number } {
  let index = focus;
  for (const [row, count] of perRow.entries()) {
    if (index < count) return { row, index };
    index -= count;
  }
  return { row: 0, index: 0 };
}
