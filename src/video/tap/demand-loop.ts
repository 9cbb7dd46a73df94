/** Reading a channel while somebody is there: one publisher after another, as they come and go. */
import { SluiceError } from '../../core/index.js';

export interface DemandHandlers {
  /** Whether somebody is there. */
  isWanted(): boolean;
  /** Reads until the publisher ends, or the signal says that nobody is there any more. */
  read(signal: AbortSignal): Promise<void>;
  /** A publisher has ended. */
  onLost(): void;
  /** Nothing is read from here on, until somebody comes. */
  onRest(): void;
  /** What was read cannot be gone on with. */
  onFailure(error: SluiceError): void;
}

export class DemandLoop {
  readonly #handlers: DemandHandlers;
  readonly #abort = new AbortController();
  #rest = new AbortController();
  #running: Promise<void> | undefined;

  constructor(handlers: DemandHandlers) {
    this.#handlers = handlers;
  }

  get closed(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Somebody came, or left. */
  changed(): void {
    if (!this.#handlers.isWanted()) this.#rest.abort();
    else if (!this.closed) this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const handlers = this.#handlers;
    while (!this.closed && handlers.isWanted()) {
      this.#rest = new AbortController();
      const signal = AbortSignal.any([this.#abort.signal, this.#rest.signal]);
      try {
        await handlers.read(signal);
      } catch (error) {
        if (signal.aborted) continue;
        if (!(error instanceof SluiceError)) throw error;
        return handlers.onFailure(error);
      }
      // A reading that was told to end may end without a word; then the publisher is not lost.
      if (!signal.aborted) handlers.onLost();
    }
    handlers.onRest();
    this.#running = undefined;
  }
}
