import { columnsApart, glyphs, printableCluster } from '../cells/index.js';

/** What a terminal is sent for a glyph. */
export interface GlyphBytes {
  readonly bytes: Uint8Array;
  /** Every terminal agrees how many columns it takes; of the others the position afterwards is not relied on. */
  readonly certain: boolean;
  /** Columns that it takes on a terminal that does not join its code points. */
  readonly columnsApart: number;
  /** Columns that no terminal exceeds: one that does not join what shares a cell has one or two a code point. */
  readonly mostColumns: number;
}

/**
 * Blocks whose widths are the same in all Unicode versions and terminals: Latin, Greek, Cyrillic; punctuation, box
 * drawing, blocks, Braille; kana, Han, Hangul. Emoji, clusters and private use are not among them.
 */
const CERTAIN =
  /^[\u00a1-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u203b\u2500-\u259f\u2801-\u28ff\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3]$/;

const MAX_REMEMBERED = 16_384;
const encoder = new TextEncoder();

/** The bytes of glyphs, made once each. Not for ASCII, which stands for itself. */
export class GlyphByteTable {
  readonly #known = new Map<number, GlyphBytes>();
  #generation = glyphs.generation;

  of(glyph: number): GlyphBytes {
    if (this.#generation !== glyphs.generation) {
      // Numbers of clusters may mean others now.
      this.#generation = glyphs.generation;
      this.#known.clear();
    }
    const known = this.#known.get(glyph);
    if (known !== undefined) return known;
    if (this.#known.size === MAX_REMEMBERED) this.#known.clear();
    const made = bytesOf(glyphs.textOf(glyph));
    this.#known.set(glyph, made);
    return made;
  }
}

/** Cells are made of safe text; this is where it would matter, so it is made safe once more. */
function bytesOf(text: string): GlyphBytes {
  const shown = printableCluster(text);
  const certain = CERTAIN.test(shown);
  return {
    bytes: encoder.encode(shown),
    certain,
    columnsApart: columnsApart(shown),
    mostColumns: 2 * [...shown].length,
  };
}
