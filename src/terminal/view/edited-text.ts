import { type CellGrid, type Cluster, glyphs, printableCluster } from '../cells/index.js';
import type { LineEditor } from '../input/index.js';
import { drawGlyph, type LabelPlace } from './label.js';
import { INK, type Ink } from './theme.js';

/** One column each, in every terminal. */
const LINE_END = '↵';
const TAB = '⇥';
const MORE_BEFORE = '‹'.codePointAt(0) ?? 0;
const MORE_AFTER = '›'.codePointAt(0) ?? 0;

/**
 * Draws what is being typed into one row: where it is longer, the part around the cursor, with a mark at the end that
 * goes on. Returns the column of the cursor, which has a place of its own behind the text.
 */
export function drawEdited(
  grid: CellGrid,
  { column, row, columns: room }: LabelPlace,
  line: LineEditor,
  ink: Ink,
): number {
  if (room <= 0) return Math.min(column, grid.columns - 1);
  const { clusters, cursor } = line;
  const first = firstShown(clusters, cursor, room);
  let x = first > 0 ? 1 : 0;
  let cursorColumn = x;
  let index = first;
  for (; index < clusters.length; index += 1) {
    const { text, columns } = shownAs(clusters[index] as Cluster);
    // The last column is the cursor's, or that of the mark.
    if (x + columns > room - 1) break;
    if (index === cursor) cursorColumn = x;
    drawGlyph(grid, column + x, row, glyphs.idOf(text), columns, ink);
    x += columns;
  }
  if (cursor >= index) cursorColumn = x;
  if (first > 0) drawGlyph(grid, column, row, MORE_BEFORE, 1, INK.dim);
  if (index < clusters.length) drawGlyph(grid, column + room - 1, row, MORE_AFTER, 1, INK.dim);
  return column + cursorColumn;
}

/** The first cluster that is shown, so that the cursor and some of what follows it are seen. */
function firstShown(clusters: readonly Cluster[], cursor: number, room: number): number {
  const before = columnsOf(clusters.slice(0, cursor));
  const after = columnsOf(clusters.slice(cursor));
  if (before + after < room) return 0;
  const ahead = Math.min(after, Math.floor(room / 3));
  let hidden = before + ahead + 2 - room;
  let first = 0;
  while (hidden > 0 && first < cursor) {
    hidden -= shownAs(clusters[first] as Cluster).columns;
    first += 1;
  }
  return first;
}

function columnsOf(clusters: readonly Cluster[]): number {
  return clusters.reduce((sum, cluster) => sum + shownAs(cluster).columns, 0);
}

function shownAs({ text, columns }: Cluster): Cluster {
  if (text.startsWith('\n')) return { text: LINE_END, columns: 1 };
  if (text.startsWith('\t')) return { text: TAB, columns: 1 };
  return { text: printableCluster(text), columns: Math.max(1, columns) };
}
