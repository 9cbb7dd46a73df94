/** When the events of a recording are due. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WrittenTime } from '../terminal/replay/written-time.js';

export interface PaceOptions {
  /** Where in the recording it begins. */
  readonly fromMs: number;
  /** So many times as fast; Infinity: as fast as it goes. */
  readonly speed: number;
  /** Longer pauses are made so short. */
  readonly idleLimitMs: number;
}

/** A timer takes no longer ones. */
const MAX_SLEEP_MS = 2 ** 31 - 1;

export class RecordedPace {
  readonly #time: WrittenTime;
  readonly #startMs = performance.now();

  /** The recording begins now. */
  constructor({ fromMs, speed, idleLimitMs }: PaceOptions) {
    this.#time = new WrittenTime(fromMs, speed, idleLimitMs);
  }

  /** Resolves when the event of this time is due; times only grow. Rejects with the signal's reason. */
  async until(timeMs: number, signal: AbortSignal): Promise<void> {
    this.#time.event(timeMs);
    const dueMs = this.#startMs + this.#time.of(timeMs);
    for (let leftMs = dueMs - performance.now(); leftMs > 1; leftMs = dueMs - performance.now()) {
      await sleep(Math.min(leftMs, MAX_SLEEP_MS), undefined, { signal });
    }
    signal.throwIfAborted();
  }
}
