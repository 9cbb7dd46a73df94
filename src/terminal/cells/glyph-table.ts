import { CELL, CELL_WORDS, glyphOf } from './cell.js';
import { liveGrids } from './live-grids.js';
import { NumberTable, type Uses } from './number-table.js';

/** Ids up to here are code points; the ids above name clusters of several. */
const LAST_CODE_POINT = 0x10_ffff;

/** Clusters shown at once in all grids of the process; one more shows as its first code point. */
const MAX_CLUSTERS = 1 << 19;

/** A longer cluster (a letter under hundreds of accents) shows as its first code point. */
const MAX_CLUSTER_UNITS = 32;

/** Calls back with the ids of clusters that stand in a grid. */
const shownClusters: Uses = (use) => {
  liveGrids.forEach((words) => {
    for (let word = CELL.glyph; word < words.length; word += CELL_WORDS) {
      const id = glyphOf(words[word] as number);
      if (id > LAST_CODE_POINT) use(id - LAST_CODE_POINT);
    }
  });
};

/**
 * What a cell shows, as a number: a code point is its own id, a cluster of several (a letter and its accent, a flag, a
 * family) gets one. Equal text has equal ids, in every grid of the process. An id of a cluster that stands in no grid is
 * given to another cluster some day: who keeps one elsewhere looks at `generation`.
 */
export class GlyphTable {
  readonly #clusters: NumberTable<string>;

  constructor(maxClusters = MAX_CLUSTERS, uses: Uses = shownClusters) {
    this.#clusters = new NumberTable<string>(maxClusters, uses);
  }

  /** Grows when ids of clusters were taken back. */
  get generation(): number {
    return this.#clusters.generation;
  }

  /** The id of one grapheme cluster. `text` is not empty. */
  idOf(text: string): number {
    const first = text.codePointAt(0) ?? 0x20;
    if (text.length === (first > 0xffff ? 2 : 1)) return first;
    if (text.length > MAX_CLUSTER_UNITS) return first;
    const number = this.#clusters.numberOf(text, text);
    return number === 0 ? first : LAST_CODE_POINT + number;
  }

  textOf(id: number): string {
    if (id <= LAST_CODE_POINT) return String.fromCodePoint(id);
    return this.#clusters.valueOf(id - LAST_CODE_POINT);
  }
}

/** The process's table: cells of different grids are compared and copied as words. */
export const glyphs = new GlyphTable();
