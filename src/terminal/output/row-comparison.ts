import { CELL_WORDS, type CellGrid } from '../cells/index.js';

function bytesOf({ words }: CellGrid): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

/** Rows of what a terminal shows against rows of what it should show, compared as memory (memcmp). */
export class RowComparison {
  readonly #shown: Buffer;
  readonly #next: Buffer;
  readonly #rowBytes: number;
  readonly #rows: number;

  /** Both have the same size. */
  constructor(shown: CellGrid, next: CellGrid) {
    this.#shown = bytesOf(shown);
    this.#next = bytesOf(next);
    this.#rowBytes = next.columns * CELL_WORDS * Uint32Array.BYTES_PER_ELEMENT;
    this.#rows = next.rows;
  }

  same(shownRow: number, nextRow: number): boolean {
    const from = shownRow * this.#rowBytes;
    const to = nextRow * this.#rowBytes;
    const length = this.#rowBytes;
    return this.#shown.compare(this.#next, to, to + length, from, from + length) === 0;
  }

  changedRows(): number[] {
    const rows: number[] = [];
    if (this.#shown.equals(this.#next)) return rows;
    for (let row = 0; row < this.#rows; row += 1) if (!this.same(row, row)) rows.push(row);
    return rows;
  }
}
