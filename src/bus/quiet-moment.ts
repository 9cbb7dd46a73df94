/**
 * When to give registered memory back. The driver then waits for every stream of the process, also for those that wait
 * for a frame of another publisher: so it is done at a moment when none does. A process that is never without such a
 * wait is not kept from closing: after a while it is done all the same, and takes as long as those frames take.
 */

/** Far longer than a frame takes that was announced before. */
const PATIENCE_MS = 100;

/** Something whose streams may wait for the word of somebody else. */
export interface StreamWaiter {
  /** Whether a stream waits for a frame that is not complete. */
  readonly waits: boolean;
}

const waiters = new Set<StreamWaiter>();

export function addStreamWaiter(waiter: StreamWaiter): void {
  waiters.add(waiter);
}

export function removeStreamWaiter(waiter: StreamWaiter): void {
  waiters.delete(waiter);
}

/** `ready`, and then the first moment at which no stream of this thread waits for a frame. */
export function atQuietMoment(ready: () => boolean): () => boolean {
  let sinceMs = -1;
  return () => {
    if (!ready()) return false;
    if (sinceMs < 0) sinceMs = performance.now();
    for (const waiter of waiters) {
      if (waiter.waits) return performance.now() - sinceMs >= PATIENCE_MS;
    }
    return true;
  };
}
