import { InvariantError } from '../../core/index.js';

/** Ids below this are code points; the ids above name clusters of several. */
const FIRST_CLUSTER = 0x11_0000;

/** Clusters are kept for the life of the process: so many, then a new one shows as its first code point. */
const MAX_CLUSTERS = 1 << 18;

/** A longer cluster (a letter under hundreds of accents) shows as its first code point. */
const MAX_CLUSTER_UNITS = 32;

/**
 * What a cell shows, as a number: a code point is its own id, a cluster of several (a letter and its accent, a flag, a
 * family) gets one. Equal text has equal ids, in every grid of the process.
 */
export class GlyphTable {
  readonly #ids = new Map<string, number>();
  readonly #clusters: string[] = [];

  /** The id of one grapheme cluster. `text` is not empty. */
  idOf(text: string): number {
    const first = text.codePointAt(0) ?? 0x20;
    if (text.length === (first > 0xffff ? 2 : 1)) {
      return first;
    }
    const known = this.#ids.get(text);
    if (known !== undefined) {
      return known;
    }
    if (text.length > MAX_CLUSTER_UNITS || this.#clusters.length === MAX_CLUSTERS) {
      return first;
    }
    const id = FIRST_CLUSTER + this.#clusters.length;
    this.#clusters.push(text);
    this.#ids.set(text, id);
    return id;
  }

  textOf(id: number): string {
    if (id < FIRST_CLUSTER) {
      return String.fromCodePoint(id);
    }
    const text = this.#clusters[id - FIRST_CLUSTER];
    if (text === undefined) {
      throw new InvariantError(`glyph ${id} was never made`);
    }
    return text;
  }
}

/** The process's table: cells of different grids are compared and copied as words. */
export const glyphs = new GlyphTable();
