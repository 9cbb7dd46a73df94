/** Promises that wait for one event: all resolve at the next `notify()`, each can be aborted by its own signal. */
export class WaitList {
  readonly #waiting = new Set<() => void>();

  /** What waits resolves later, so nothing joins or leaves the list meanwhile. */
  notify(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Resolves at the next `notify()`, or after `timeoutMs`; rejects with the signal's reason. */
  wait(signal?: AbortSignal, timeoutMs?: number): Promise<void> {
    // The usual wait for a frame: nothing to undo when it ends.
    if (signal === undefined && timeoutMs === undefined) {
      return new Promise((resolve) => this.#waiting.add(resolve));
    }
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      let timer: NodeJS.Timeout | undefined;
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#waiting.delete(done);
      };
      const done = (): void => {
        settle();
        resolve();
      };
      const abort = (): void => {
        settle();
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort);
      this.#waiting.add(done);
      if (timeoutMs !== undefined) timer = setTimeout(done, Math.min(timeoutMs, 2 ** 31 - 1));
    });
  }
}
