/** A process of a GPU benchmark, asked questions that each have an answer, a failure or an end to the patience. */
import { AwaitedAnswers } from '../awaited-answers.js';
import { ChildKilled, ChildProgram } from '../child-program.js';
import type { Answer, GpuGiven, Question } from '../programs-gpu/serve.js';

/** Longer than a program waits for anything itself, so that it can say what it waited for. */
const PATIENCE_MS = 30_000;

export class GpuChild {
  readonly #child: ChildProgram;
  readonly #answers: AwaitedAnswers;
  #nextId = 0;

  private constructor(name: string, given: object) {
    this.#answers = new AwaitedAnswers(name, PATIENCE_MS);
    this.#child = new ChildProgram(new URL(`../programs-gpu/${name}`, import.meta.url), given);
    this.#child.process.on('message', (answer: Answer) => this.#answers.settle(answer));
    this.#child.process.once('exit', (code, signal) => {
      const ended = `${name} ended with ${signal ?? `status ${code}`}`;
      this.#answers.end(signal === 'SIGKILL' ? new ChildKilled(ended) : new Error(ended));
    });
    this.#child.process.once('error', (error) => this.#answers.end(error));
  }

  /** Starts programs together, because some wait for each other. Resolves when each has its GPU and its channels. */
  static async startAll<G extends GpuGiven>(
    programs: readonly (readonly [name: string, given: G])[],
  ): Promise<GpuChild[]> {
    const children = programs.map(([name, given]) => new GpuChild(name, given));
    try {
      await Promise.all(children.map((child) => child.#answers.wait(-1, 'start')));
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
    const answered = this.#answers.wait(id, name);
    const sent = this.#child.tell({ id, name, of } satisfies Question);
    // A program that is gone shows in `answered`.
    sent.catch(() => undefined);
    return (await answered) as T;
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}
