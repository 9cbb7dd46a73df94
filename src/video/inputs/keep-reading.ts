/** Reads something for as long as it is wanted: what cannot be read, or ended, is tried again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../camera/backoff.js';

const LONGEST_PAUSE_MS = 4000;

export interface Reading {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Reads until no more comes, telling of each unit; resolves to why, or rejects with it. */
  readonly read: (onUnit: () => void) => Promise<unknown>;
  /** Why it could not be read, told once until units come again. */
  readonly onFailure: (failure: unknown) => void;
}

/** Resolves when the signal is aborted; never rejects. */
export async function keepReading({ signal, read, onFailure }: Reading): Promise<void> {
  const backoff = new Backoff(LONGEST_PAUSE_MS);
  let told = false;
  while (!signal.aborted) {
    const sinceMs = performance.now();
    let units = 0;
    const failure = await read(() => (units += 1)).catch((error: unknown) => error);
    if (signal.aborted) return;
    if (!told || units > 0) onFailure(failure);
    told = true;
    const pauseMs = backoff.next(performance.now() - sinceMs);
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}
