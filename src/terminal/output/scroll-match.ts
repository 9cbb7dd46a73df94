import { CELL_WORDS, type CellGrid } from '../cells/index.js';
import type { RowComparison } from './row-comparison.js';

/** Rows `top` to `bottom` (not included) of the next picture are those of the last one, `by` rows further up. */
export interface ScrollMatch {
  readonly top: number;
  readonly bottom: number;
  /** At least 1: how many rows the region scrolls up. */
  readonly by: number;
}

/** A scroll costs about 25 bytes: fewer rows than this are written again. */
const MIN_ROWS = 3;

/** Of the glyphs alone: what looks alike is compared afterwards. */
function hashRow(words: Uint32Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let index = start; index < end; index += CELL_WORDS) {
    hash = Math.imul(hash ^ (words[index] as number), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

/**
 * Whether full rows moved up, as when a program that has the whole width prints lines. The shift that most changed
 * rows agree on, and the longest region it holds in.
 */
export function findScroll(
  shown: CellGrid,
  next: CellGrid,
  comparison: RowComparison,
  changed: readonly number[],
): ScrollMatch | undefined {
  if (changed.length < MIN_ROWS) return undefined;
  const length = shown.at(0, 1);
  const rowsByHash = new Map<number, number>();
  for (let row = 0; row < shown.rows; row += 1) {
    const hash = hashRow(shown.words, row * length, (row + 1) * length);
    // Of equal rows none can tell where it went.
    rowsByHash.set(hash, rowsByHash.has(hash) ? -1 : row);
  }
  const votes = new Map<number, number>();
  for (const row of changed) {
    const from = rowsByHash.get(hashRow(next.words, row * length, (row + 1) * length));
    if (from === undefined || from <= row) continue;
    votes.set(from - row, (votes.get(from - row) ?? 0) + 1);
  }
  let by = 0;
  for (const [shift, count] of votes) if (count > (votes.get(by) ?? MIN_ROWS - 1)) by = shift;
  return by === 0 ? undefined : longestRegion(comparison, next.rows, by);
}

function longestRegion(
  comparison: RowComparison,
  rows: number,
  by: number,
): ScrollMatch | undefined {
  let best: ScrollMatch | undefined;
  let top = 0;
  for (let row = 0; row <= rows - by; row += 1) {
    if (row < rows - by && comparison.same(row + by, row)) continue;
    if (row - top > (best === undefined ? MIN_ROWS - 1 : best.bottom - best.top)) {
      best = { top, bottom: row, by };
    }
    top = row + 1;
  }
  return best;
}
