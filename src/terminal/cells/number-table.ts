import { InvariantError } from '../../core/index.js';

/** Calls back with every number that is in use somewhere. */
export type Uses = (use: (number: number) => void) => void;

/**
 * Numbers from 1 on for values, equal values having equal numbers. When all are given, those that are in use nowhere are
 * given anew: who keeps numbers elsewhere (a cache) compares `generation` and forgets them when it grew.
 */
export class NumberTable<Value> {
  readonly #capacity: number;
  readonly #uses: Uses;
  readonly #numbers = new Map<string, number>();
  readonly #values: (Value | undefined)[] = [undefined];
  readonly #keys: (string | undefined)[] = [undefined];
  #free: number[] = [];
  /** Until so many more were refused nobody looks for free numbers: looking costs more than a refusal. */
  #patience = 0;
  #generation = 0;

  constructor(capacity: number, uses: Uses) {
    this.#capacity = capacity;
    this.#uses = uses;
  }

  /** Grows when numbers were taken back. */
  get generation(): number {
    return this.#generation;
  }

  /** 0 when all numbers are in use. */
  numberOf(key: string, value: Value): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#take();
    if (number === 0) return 0;
    this.#values[number] = value;
    this.#keys[number] = key;
    this.#numbers.set(key, number);
    return number;
  }

  #take(): number {
    if (this.#values.length <= this.#capacity) {
      this.#values.push(undefined);
      this.#keys.push(undefined);
      return this.#values.length - 1;
    }
    if (this.#free.length === 0 && this.#patience === 0) this.#takeBack();
    if (this.#patience > 0) this.#patience -= 1;
    return this.#free.pop() ?? 0;
  }

  #takeBack(): void {
    const used = new Uint8Array(this.#values.length);
    this.#uses((number) => {
      if (number < used.length) used[number] = 1;
    });
    for (let number = 1; number < used.length; number += 1) {
      const key = this.#keys[number];
      if (used[number] === 1 || key === undefined) continue;
      this.#numbers.delete(key);
      this.#keys[number] = undefined;
      this.#values[number] = undefined;
      this.#free.push(number);
    }
    this.#generation += 1;
    this.#patience = this.#free.length === 0 ? this.#capacity : 0;
  }

  valueOf(number: number): Value {
    const value = this.#values[number];
    if (value === undefined) throw new InvariantError(`number ${number} was never given`);
    return value;
  }
}
