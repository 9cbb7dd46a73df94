/**
 * Hands events to any number of async loops. Each loop has a bounded queue of its own: one that does not keep up
 * loses its oldest events, nobody else's.
 */
import { WaitList } from './wait-list.js';

const MAX_QUEUED = 64;

interface Reader<T> {
  readonly queue: T[];
  readonly ready: WaitList;
}

export class EventFeed<T> {
  readonly #readers = new Set<Reader<T>>();
  #ended = false;

  emit(event: T): void {
    for (const reader of this.#readers) {
      if (reader.queue.length === MAX_QUEUED) reader.queue.shift();
      reader.queue.push(event);
      reader.ready.notify();
    }
  }

  end(): void {
    this.#ended = true;
    for (const reader of this.#readers) reader.ready.notify();
  }

  /**
   * What `present` says when the loop starts, then everything that is emitted from there on. The loop returns at the
   * end and at the signal.
   */
  async *follow(
    present: () => readonly T[],
    signal?: AbortSignal,
  ): AsyncGenerator<T, void, undefined> {
    const reader: Reader<T> = { queue: [...present()], ready: new WaitList() };
    this.#readers.add(reader);
    try {
      for (;;) {
        const event = reader.queue.shift();
        if (event !== undefined) yield event;
        else if (this.#ended || signal?.aborted === true) return;
        else await reader.ready.wait(signal).catch(() => undefined);
      }
    } finally {
      this.#readers.delete(reader);
    }
  }
}
