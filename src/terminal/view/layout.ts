import {
  type GridShape,
  type GridWeights,
  type PanePlace,
  type Rect,
  gridShape,
  panePlace,
  panesPerPage,
  placeGrid,
} from './grid-layout.js';

/** All beside each other; one large and a list of all; one alone. */
export type LayoutKind = 'grid' | 'focus' | 'zoom';

export const LAYOUT_KINDS: readonly LayoutKind[] = ['grid', 'focus', 'zoom'];

/** Where everything stands, for so many panes and one of them in focus. */
export interface Layout {
  /** Index of a pane to its place; a pane that is not here is not seen. */
  readonly places: ReadonlyMap<number, PanePlace>;
  /** The list of the focus layout. */
  readonly list: Rect | undefined;
  /** From 0; of the grid. */
  readonly page: number;
  readonly pages: number;
  readonly shape: GridShape | undefined;
}

const NARROW_LIST_COLUMNS = 22;
const WIDE_LIST_COLUMNS = 34;
const MIN_LIST_COLUMNS = 12;
const MAX_LIST_SHARE = 0.5;

export interface LayoutRequest {
  readonly kind: LayoutKind;
  readonly count: number;
  /** Index of the pane in focus. */
  readonly focus: number;
  readonly area: Rect;
  readonly weights: GridWeights;
  /** Columns that the user made the list wider. */
  readonly listWeight: number;
}

export function layOut(request: LayoutRequest): Layout {
  const { kind, count, focus, area } = request;
  const nothing = { list: undefined, page: 0, pages: 1, shape: undefined };
  if (count === 0) return { ...nothing, places: new Map() };
  if (kind === 'zoom') return { ...nothing, places: new Map([[focus, panePlace(area)]]) };
  return kind === 'focus' ? focusLayout(request) : gridLayout(request);
}

/** Of the list, before the user made it wider or narrower. */
function usualListColumns(area: Rect): number {
  return area.columns >= 140 ? WIDE_LIST_COLUMNS : NARROW_LIST_COLUMNS;
}

function listColumns(area: Rect, weight: number): number {
  const most = Math.floor(area.columns * MAX_LIST_SHARE);
  return Math.max(MIN_LIST_COLUMNS, Math.min(most, usualListColumns(area) + weight));
}

/** The weight with which the list has `columns`, or as many as it may. */
export function listWeightFor(area: Rect, columns: number): number {
  const usual = usualListColumns(area);
  return listColumns(area, columns - usual) - usual;
}

function focusLayout({ focus, area, listWeight }: LayoutRequest): Layout {
  const columns = listColumns(area, listWeight);
  // Where nothing would be left for the pane, there is no list.
  const width = area.columns - columns - 1;
  if (width < MIN_LIST_COLUMNS) {
    const places = new Map([[focus, panePlace(area)]]);
    return { places, list: undefined, page: 0, pages: 1, shape: undefined };
  }
  const frame = { ...area, column: area.column + columns + 1, columns: width };
  return {
    places: new Map([[focus, panePlace(frame)]]),
    list: { ...area, columns },
    page: 0,
    pages: 1,
    shape: undefined,
  };
}

function gridLayout({ count, focus, area, weights }: LayoutRequest): Layout {
  const perPage = panesPerPage(area);
  const pages = Math.ceil(count / perPage);
  // Pages as equal as can be: not twelve and one.
  const each = Math.ceil(count / pages);
  const page = Math.floor(focus / each);
  const first = page * each;
  const shape = gridShape(Math.min(each, count - first), area);
  const places = placeGrid(area, shape, weights);
  return {
    places: new Map(places.map((place, index) => [first + index, place])),
    list: undefined,
    page,
    pages,
    shape,
  };
}

/** The pane nearest to the one in focus in a direction, undefined at the edge. */
export function neighborOf(
  layout: Layout,
  focus: number,
  direction: 'left' | 'right' | 'up' | 'down',
): number | undefined {
  const from = layout.places.get(focus)?.frame;
  if (from === undefined) return undefined;
  const across = direction === 'left' || direction === 'right';
  let best: { readonly index: number; readonly distance: number } | undefined;
  for (const [index, { frame }] of layout.places) {
    const ahead = {
      left: from.column - (frame.column + frame.columns),
      right: frame.column - (from.column + from.columns),
      up: from.row - (frame.row + frame.rows),
      down: frame.row - (from.row + from.rows),
    }[direction];
    const aside = across
      ? Math.abs(middle(frame.row, frame.rows) - middle(from.row, from.rows))
      : Math.abs(middle(frame.column, frame.columns) - middle(from.column, from.columns));
    if (ahead < 0) continue;
    const distance = ahead * 1000 + aside;
    if (best === undefined || distance < best.distance) best = { index, distance };
  }
  return best?.index;
}

function middle(start: number, length: number): number {
  return start + length / 2;
}
