/** Answers that are awaited of another process, each until it comes, fails, or takes too long. */

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: Error) => void;
}

/** What a process says of the question `id`. */
export type Answered =
  | { readonly id: number; readonly value: unknown; readonly failed?: undefined }
  | { readonly id: number; readonly failed: string };

export class AwaitedAnswers {
  readonly #name: string;
  readonly #patienceMs: number;
  readonly #pending = new Map<number, Pending>();
  #end: Error | undefined;

  /** `name` is that of the process, for its errors. */
  constructor(name: string, patienceMs: number) {
    this.#name = name;
    this.#patienceMs = patienceMs;
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Rejects with what went wrong over there, with what ended all, or when patience ends. */
  wait(id: number, what: string): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.settle({ id, failed: `said nothing for ${this.#patienceMs / 1000} s to '${what}'` });
      }, this.#patienceMs);
      this.#pending.set(id, {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (reason) => {
          clearTimeout(timer);
          reject(reason);
        },
      });
    });
  }

  settle(answer: Answered): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (answer.failed === undefined) pending?.resolve(answer.value);
    else pending?.reject(new Error(`${this.#name}: ${answer.failed}`));
  }

  /** The process has ended: nothing more will come. */
  end(error: Error): void {
    this.#end ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#end);
    this.#pending.clear();
  }
}
