/** A table that gives numbers to values and may take them back, seen from one screen. */
interface Numbered<Value> {
  readonly generation: number;
  idOf(value: Value): number;
}

/**
 * What one screen may take of a table of the whole process: so many numbers at a time, so that no screen takes those of
 * another. Remembers them, as long as the table took none back.
 */
export class NumberShare<Value> {
  readonly #table: Numbered<Value>;
  readonly #capacity: number;
  readonly #known = new Map<string, number>();
  #generation: number;
  #exceeded = false;

  constructor(table: Numbered<Value>, capacity: number) {
    this.#table = table;
    this.#capacity = capacity;
    this.#generation = table.generation;
  }

  /** Whether more was asked for than the share is. */
  get exceeded(): boolean {
    return this.#exceeded;
  }

  /** The number of `value`, or undefined when the share is used up. */
  idOf(key: string, value: Value): number | undefined {
    if (this.#generation !== this.#table.generation) this.#forget();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size === this.#capacity) {
      this.#exceeded = true;
      return undefined;
    }
    const id = this.#table.idOf(value);
    if (this.#generation !== this.#table.generation) this.#forget();
    this.#known.set(key, id);
    return id;
  }

  #forget(): void {
    this.#known.clear();
    this.#generation = this.#table.generation;
  }

  /** Begins anew: what is drawn from now on may use the whole share. */
  renew(): void {
    this.#known.clear();
    this.#exceeded = false;
  }
}
