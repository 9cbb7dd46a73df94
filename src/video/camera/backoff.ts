/** How long to wait before the next attempt: twice as long each time, and never quite, so that cameras of one site do not come all at once. */

const FIRST_MS = 500;
const LONGEST_MS = 15_000;
/** A connection that held so long was a good one: the next attempt is a first one. */
const GOOD_MS = 10_000;

export class Backoff {
  readonly #longestMs: number;
  #nextMs = FIRST_MS;

  constructor(longestMs = LONGEST_MS) {
    this.#longestMs = longestMs;
  }

  /** `heldMs`: how long the attempt before this one gave pictures. From half to all of the current step. */
  next(heldMs: number, random: () => number = Math.random): number {
    if (heldMs >= GOOD_MS) this.#nextMs = FIRST_MS;
    const step = this.#nextMs;
    this.#nextMs = Math.min(this.#longestMs, step * 2);
    return Math.round(step * (0.5 + random() / 2));
  }
}
