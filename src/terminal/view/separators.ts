import { MIN_PANE, type Rect } from './grid-layout.js';
import type { Layout } from './layout.js';

/** A line that can be moved: under a row of panes, right of the pane `index` of a row, right of the list. */
export type Separator =
  | { readonly kind: 'row'; readonly row: number }
  | { readonly kind: 'column'; readonly row: number; readonly index: number }
  | { readonly kind: 'list' };

/** The frames of a page of the grid, row by row. */
function framesOf({ places, shape }: Layout): Rect[][] {
  const frames = [...places.values()].map(({ frame }) => frame);
  let first = 0;
  return (shape?.perRow ?? []).map((count) => {
    first += count;
    return frames.slice(first - count, first);
  });
}

/** The line at a cell of the terminal, if there is one that can be moved. */
export function separatorAt(layout: Layout, column: number, row: number): Separator | undefined {
  const isRightOf = (rect: Rect): boolean =>
    column === rect.column + rect.columns && row >= rect.row && row < rect.row + rect.rows;
  if (layout.list !== undefined && isRightOf(layout.list)) return { kind: 'list' };
  const frames = framesOf(layout);
  for (const [at, across] of frames.entries()) {
    const index = across.slice(0, -1).findIndex(isRightOf);
    if (index >= 0) return { kind: 'column', row: at, index };
    // The titles of the next row are the line under this one.
    if (frames[at + 1]?.[0]?.row === row) return { kind: 'row', row: at };
  }
  return undefined;
}

/** How far a line of the grid can go towards a cell: no pane becomes smaller than shows something of use. */
export function wayTo(
  layout: Layout,
  separator: Exclude<Separator, { readonly kind: 'list' }>,
  column: number,
  row: number,
): number {
  const frames = framesOf(layout);
  const across = frames[separator.row] ?? [];
  if (separator.kind === 'row') {
    const [before, after] = [across[0], frames[separator.row + 1]?.[0]];
    if (before === undefined || after === undefined) return 0;
    return bounded(row - after.row, before.rows, after.rows, MIN_PANE.rows);
  }
  const [before, after] = [across[separator.index], across[separator.index + 1]];
  if (before === undefined || after === undefined) return 0;
  const way = column - (before.column + before.columns);
  return bounded(way, before.columns, after.columns, MIN_PANE.columns);
}

function bounded(way: number, before: number, after: number, least: number): number {
  return Math.max(Math.min(0, least - before), Math.min(way, Math.max(0, after - least)));
}
