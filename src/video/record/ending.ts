/** How something ends that runs until it is through, is closed, or a signal says so. */
import type { CloseReason } from '../../bus/index.js';
import { SluiceError } from '../../core/index.js';

export class Ending {
  /** Aborted once it has to end. */
  readonly signal: AbortSignal;
  readonly #abort = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort = (): void => this.end({ reason: 'aborted' });
  #reason: CloseReason | undefined;

  /** Throws the reason of `outer`, where that is aborted. */
  constructor(outer?: AbortSignal) {
    outer?.throwIfAborted();
    this.signal = this.#abort.signal;
    this.#outer = outer;
    outer?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get reason(): CloseReason | undefined {
    return this.#reason;
  }

  /** The first reason stays. */
  end(reason: CloseReason): void {
    this.#reason ??= reason;
    this.#abort.abort();
  }

  /** A failure is told, also when it came while all was ended. */
  fail(error: SluiceError): void {
    this.#reason = { reason: 'failed', error };
    this.#abort.abort();
  }

  /**
   * Begins when who calls is through, so that an object can begin it in its constructor. Resolves at the end of the work
   * to what ended it; rejects with bugs only. What an ended signal makes reject is no failure.
   */
  async of(work: () => Promise<void>): Promise<CloseReason> {
    await Promise.resolve();
    try {
      await work();
    } catch (error) {
      if (error instanceof SluiceError) this.fail(error);
      else if (!this.signal.aborted) throw error;
    }
    this.#abort.abort();
    this.#outer?.removeEventListener('abort', this.#onAbort);
    return this.#reason ?? { reason: 'ended' };
  }
}
