/** Waiting for a word that a GPU will store: nobody rings, so the event loop looks. */

/** A GPU is done within this time as a rule; until then each turn of the loop looks. */
const EAGER_MS = 1;
const PAUSE_MS = 1;

/** The pause between two looks of a wait that began at `sinceMs` (performance.now()). */
export function pauseBetweenLooks(sinceMs: number): Promise<void> {
  return new Promise((resolve) => {
    if (performance.now() - sinceMs < EAGER_MS) setImmediate(resolve);
    else setTimeout(resolve, PAUSE_MS);
  });
}
