/** A process of a GPU benchmark, asked questions that each have an answer, a failure or an end to the patience. */
import { ChildKilled, ChildProgram } from '../child-program.js';
import type { Answer, GpuGiven, Question } from '../programs-gpu/serve.js';

/** Longer than a program waits for anything itself, so that it can say what it waited for. */
const PATIENCE_MS = 30_000;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: Error) => void;
}

export class GpuChild {
  readonly #name: string;
  readonly #child: ChildProgram;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #end: Error | undefined;

  private constructor(name: string, given: object) {
    this.#name = name;
    this.#child = new ChildProgram(new URL(`../programs-gpu/${name}`, import.meta.url), given);
    this.#child.process.on('message', (answer: Answer) => this.#settle(answer));
    this.#child.process.once('exit', (code, signal) => {
      const ended = `${name} ended with ${signal ?? `status ${code}`}`;
      this.#fail(signal === 'SIGKILL' ? new ChildKilled(ended) : new Error(ended));
    });
    this.#child.process.once('error', (error) => this.#fail(error));
  }

  /** Starts programs together, because some wait for each other. Resolves when each has its GPU and its channels. */
  static async startAll<G extends GpuGiven>(
    programs: readonly (readonly [name: string, given: G])[],
  ): Promise<GpuChild[]> {
    const children = programs.map(([name, given]) => new GpuChild(name, given));
    try {
      await Promise.all(children.map((child) => child.#wait(-1, 'start')));
      return children;
    } catch (error) {
      await Promise.all(children.map((child) => child.stop()));
      throw error;
    }
  }

  static async start<G extends GpuGiven>(name: string, given: G): Promise<GpuChild> {
    const [child] = await GpuChild.startAll([[name, given]]);
    return child as GpuChild;
  }

  /** Rejects with what the program says went wrong, when it ends, and when it says nothing for too long. */
  async ask<T>(name: string, of: unknown = {}): Promise<T> {
    const id = this.#nextId++;
    const answered = this.#wait(id, name);
    const sent = this.#child.tell({ id, name, of } satisfies Question);
    // A program that is gone shows in `answered`.
    sent.catch(() => undefined);
    return (await answered) as T;
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }

  #wait(id: number, what: string): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#settle({ id, failed: `said nothing for ${PATIENCE_MS / 1000} s to '${what}'` });
      }, PATIENCE_MS);
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

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if ('failed' in answer) pending?.reject(new Error(`${this.#name}: ${answer.failed}`));
    else pending?.resolve(answer.value);
  }

  #fail(error: Error): void {
    this.#end ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#end);
    this.#pending.clear();
  }
}
