/** Times of a recording as they are in a file made of it: faster or slower, and with long pauses made short. */
export class WrittenTime {
  readonly #fromMs: number;
  readonly #speed: number;
  readonly #idleLimitMs: number;
  #lastEventMs: number;
  /** Of the recording, what was left out before the last event. */
  #skippedMs = 0;

  constructor(fromMs: number, speed: number, idleLimitMs: number) {
    this.#fromMs = fromMs;
    this.#lastEventMs = fromMs;
    this.#speed = speed;
    this.#idleLimitMs = idleLimitMs;
  }

  /** Somebody did something: the pause before it is over. Times only grow. */
  event(timeMs: number): void {
    if (timeMs <= this.#lastEventMs) return;
    this.#skippedMs += Math.max(0, timeMs - this.#lastEventMs - this.#idleLimitMs);
    this.#lastEventMs = timeMs;
  }

  /** The time in the file, from 0, of a moment not before the last event. */
  of(timeMs: number): number {
    const sinceMs = Math.min(timeMs - this.#lastEventMs, this.#idleLimitMs);
    return (this.#lastEventMs - this.#fromMs - this.#skippedMs + sinceMs) / this.#speed;
  }
}
