/**
 * Fairness of async calls that find what they want at once. `await` alone never lets the event loop go on: a loop over
 * a channel that is never empty would keep timers, signals and its own socket waiting for ever.
 */
const CALLS_A_TURN = 32;

export class EventLoopTurn {
  #calls = 0;

  /** True after so many calls without a real wait: {@link pass} is due. */
  get isOver(): boolean {
    return ++this.#calls > CALLS_A_TURN;
  }

  /** Lets the event loop go round once. */
  pass(): Promise<void> {
    this.#calls = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** The caller waited for an event: others had their turn. */
  waited(): void {
    this.#calls = 0;
  }
}
