/** Promises that wait for one event: all resolve at the next `notify()`, each can be aborted by its own signal. */
export class WaitList {
  readonly #waiting = new Set<() => void>();

  notify(): void {
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  /** Resolves at the next `notify()`, or after `timeoutMs`; rejects with the signal's reason. */
  wait(signal?: AbortSignal, timeoutMs?: number): Promise<void> {
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
