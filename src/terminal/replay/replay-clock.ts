interface Call {
  readonly dueMs: number;
  readonly call: () => void;
}

/** A clock that stands until it is moved. What becomes due on the way is called, at its own time. In milliseconds. */
export class ReplayClock {
  #nowMs = 0;
  /** A screen waits for one thing at a time. */
  #calls: readonly Call[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** When something is called next; Infinity: nothing is. */
  get nextMs(): number {
    return this.#calls.reduce((next, { dueMs }) => Math.min(next, dueMs), Infinity);
  }

  /** Calls once, later, unless what it returned is called before. */
  after(ms: number, call: () => void): () => void {
    const added: Call = { dueMs: this.#nowMs + ms, call };
    this.#calls = [...this.#calls, added];
    return () => {
      this.#calls = this.#calls.filter((other) => other !== added);
    };
  }

  /** Forward to a time, which is included. Whether something was called. */
  advance(toMs: number): boolean {
    let called = false;
    for (;;) {
      const due = this.#calls.find(({ dueMs }) => dueMs === this.nextMs);
      if (due === undefined || due.dueMs > toMs) break;
      this.#calls = this.#calls.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      due.call();
      called = true;
    }
    this.#nowMs = Math.max(this.#nowMs, toMs);
    return called;
  }

  /** Back to a time since which nothing has happened: what is to be called stays. */
  setBack(toMs: number): void {
    this.#nowMs = Math.min(this.#nowMs, toMs);
  }
}
