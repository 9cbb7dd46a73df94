import { RateLimit } from '../policy/index.js';

/** Of one agent so many at once, and one in so long after that. */
const BURST = 3;
const PER_SECOND = 0.1;

interface Told {
  /** Since when it waited when that was told. */
  sinceMs: number;
  readonly limit: RateLimit;
}

/**
 * Whether the user is told that an agent waits: when it begins to, and not each time by one that begins again and again.
 * Who waits is shown anyway.
 */
export class Announcements {
  readonly #told = new Map<string, Told>();

  /** An agent waits since `sinceMs`: whether that is to be told now. */
  isDue(agent: string, sinceMs: number, nowMs: number): boolean {
    const told = this.#told.get(agent) ?? { sinceMs: -1, limit: new RateLimit(BURST, PER_SECOND) };
    this.#told.set(agent, told);
    if (told.sinceMs === sinceMs) return false;
    told.sinceMs = sinceMs;
    return told.limit.take(nowMs);
  }

  forget(agent: string): void {
    this.#told.delete(agent);
  }
}
