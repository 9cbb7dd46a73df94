/** Something that holds cells: a CellGrid. */
interface CellWords {
  readonly words: Uint32Array;
}

const MIN_SWEEP = 256;

/**
 * Every grid of the process that is still used by something. Tables that number glyphs and links free a number when no
 * grid shows it; words kept anywhere but in a grid do not count as shown.
 */
class LiveGrids {
  #references: WeakRef<CellWords>[] = [];
  #sweepAt = MIN_SWEEP;

  add(grid: CellWords): void {
    if (this.#references.length >= this.#sweepAt) this.#forgetDead();
    this.#references.push(new WeakRef(grid));
  }

  #forgetDead(): void {
    this.#references = this.#references.filter((reference) => reference.deref() !== undefined);
    this.#sweepAt = Math.max(MIN_SWEEP, this.#references.length * 2);
  }

  forEach(visit: (words: Uint32Array) => void): void {
    for (const reference of this.#references) {
      const grid = reference.deref();
      if (grid !== undefined) visit(grid.words);
    }
  }
}

export const liveGrids = new LiveGrids();
