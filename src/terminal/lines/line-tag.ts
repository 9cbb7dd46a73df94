import { printable } from '../../core/index.js';
import { CELL, CellGrid, clustersOf, paletteColor, STYLE } from '../cells/index.js';

/** Between the name and what an agent wrote; the second one where a line goes on in the next row. */
export const TAG_RULE = ' │ ';
export const TAG_RULE_CONTINUED = ' ┆ ';

const RULE_COLUMNS = 3;

/** Of a name: a longer one is cut. */
export const MAX_NAME_COLUMNS = 16;

/** Colours of the palette that can be read on light and dark alike. */
const COLORS = [2, 3, 4, 5, 6, 9, 10, 12, 13, 14] as const;

/** What stands before each line of an agent. */
export interface LineTag {
  /** Filled with spaces to `nameColumns`. */
  readonly name: string;
  readonly nameColumns: number;
  /** Of the name and the rule behind it. */
  readonly columns: number;
  /** One cell with the colours of the name. */
  readonly ink: CellGrid;
}

/** The same name has the same colour, in every session. FNV-1a. */
function colorOf(name: string): number {
  let hash = 0x811c_9dc5;
  for (let index = 0; index < name.length; index += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x0100_0193);
  }
  return paletteColor(COLORS[(hash >>> 0) % COLORS.length] as number);
}

function cut(name: string, columns: number): string {
  const clusters = clustersOf(printable(name));
  const total = clusters.reduce((sum, cluster) => sum + cluster.columns, 0);
  let used = 0;
  let shown = '';
  for (const cluster of clusters) {
    if (used + cluster.columns > (total > columns ? columns - 1 : columns)) break;
    shown += cluster.text;
    used += cluster.columns;
  }
  if (total > columns) {
    shown += '…';
    used += 1;
  }
  return shown + ' '.repeat(columns - used);
}

/** The tag of agent `name`, `nameColumns` wide. */
export function tagOf(name: string, nameColumns: number): LineTag {
  const ink = new CellGrid(1, 1);
  ink.words[CELL.foreground] = colorOf(name);
  ink.words[CELL.style] = STYLE.bold;
  return {
    name: cut(name, nameColumns),
    nameColumns,
    columns: nameColumns + RULE_COLUMNS,
    ink,
  };
}
