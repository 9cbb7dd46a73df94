/** A rectangle of cells. */
export interface Rect {
  readonly column: number;
  readonly row: number;
  readonly columns: number;
  readonly rows: number;
}

/** A pane with its title row, and the cells its program has. */
export interface PanePlace {
  readonly frame: Rect;
  readonly body: Rect;
}

/** A pane smaller than this shows nothing of use: more of them make another page. */
export const MIN_PANE = { columns: 24, rows: 5 } as const;
/** The shape a pane should come close to. */
const WANTED_BODY = { columns: 80, rows: 24 } as const;

/** How many panes stand in each row of a page. */
export interface GridShape {
  readonly perRow: readonly number[];
}

/** How much the user made rows and columns larger, in cells; nothing at first. */
export interface GridWeights {
  readonly rows: readonly number[];
  readonly columns: readonly (readonly number[])[];
}

/** How many panes fit a page. At least one. */
export function panesPerPage(area: Rect): number {
  const across = Math.max(1, Math.floor((area.columns + 1) / (MIN_PANE.columns + 1)));
  const down = Math.max(1, Math.floor(area.rows / MIN_PANE.rows));
  return across * down;
}

/**
 * Rows and columns for `count` panes: the split whose smallest pane comes closest to a whole terminal. The first rows
 * have fewer and wider panes when they do not come out even.
 */
export function gridShape(count: number, area: Rect): GridShape {
  let best: { readonly score: number; readonly rows: number } | undefined;
  for (let rows = 1; rows <= count; rows += 1) {
    const across = Math.ceil(count / rows);
    if (Math.ceil(count / across) !== rows) continue;
    const columns = (area.columns - (across - 1)) / across;
    const height = area.rows / rows - 1;
    const fits = columns >= MIN_PANE.columns && height + 1 >= MIN_PANE.rows;
    const share = Math.min(columns / WANTED_BODY.columns, height / WANTED_BODY.rows);
    const score = (fits ? 1000 : 0) + Math.min(1, share) + share / 1000;
    if (best === undefined || score > best.score) best = { score, rows };
  }
  const rows = best?.rows ?? 1;
  const fewest = Math.floor(count / rows);
  const larger = count - fewest * rows;
  return {
    perRow: Array.from({ length: rows }, (_u, row) => fewest + (row >= rows - larger ? 1 : 0)),
  };
}

/** `total` cells in parts as equal as can be, moved by the weights; no part below `least` where that is possible. */
function split(total: number, parts: number, weights: readonly number[], least: number): number[] {
  const even = Math.floor(total / parts);
  const sizes = Array.from(
    { length: parts },
    (_u, index) => even + (index < total - even * parts ? 1 : 0),
  );
  for (let index = 0; index < parts; index += 1) {
    const wanted = weights[index] ?? 0;
    // What one part gains its neighbour loses.
    const neighbor = index + 1 < parts ? index + 1 : index - 1;
    if (wanted === 0 || neighbor < 0) continue;
    const own = sizes[index] ?? 0;
    const other = sizes[neighbor] ?? 0;
    const moved = Math.max(Math.min(wanted, other - least), Math.min(0, least - own));
    sizes[index] = own + moved;
    sizes[neighbor] = other - moved;
  }
  return sizes;
}

/** The panes of one page, in order: rows of panes with a title row each, a line of one column between neighbours. */
export function placeGrid(area: Rect, shape: GridShape, weights: GridWeights): PanePlace[] {
  const places: PanePlace[] = [];
  const heights = split(area.rows, shape.perRow.length, weights.rows, MIN_PANE.rows);
  let { row } = area;
  for (const [index, across] of shape.perRow.entries()) {
    const height = heights[index] ?? 1;
    const lines = across - 1;
    const widths = split(
      area.columns - lines,
      across,
      weights.columns[index] ?? [],
      MIN_PANE.columns,
    );
    let { column } = area;
    for (const columns of widths) {
      places.push(panePlace({ column, row, columns, rows: height }));
      column += columns + 1;
    }
    row += height;
  }
  return places;
}

export function panePlace(frame: Rect): PanePlace {
  const { column, row, columns, rows } = frame;
  return { frame, body: { column, row: row + 1, columns, rows: rows - 1 } };
}

export function contains(rect: Rect, column: number, row: number): boolean {
  return (
    column >= rect.column &&
    column < rect.column + rect.columns &&
    row >= rect.row &&
    row < rect.row + rect.rows
  );
}
