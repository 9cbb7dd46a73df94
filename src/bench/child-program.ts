/** A process of a benchmark, spoken to by messages; nobody has to remember to end it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Longer than any step of a benchmark takes on a busy machine. */
const PATIENCE_MS = 60_000;

interface Stoppable {
  stop(): Promise<void>;
}

/** Somebody ended a program, as the run does that is told to end: nothing more is to be started. */
export class ChildKilled extends Error {}

const running = new Set<Stoppable>();

/** Ends what is still there: after a failure, and when the run was told to end. */
export async function stopEveryChild(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}

/** `child` is stopped at the end of the run, unless the function that this returns was called before. */
export function endWithRun(child: Stoppable): () => void {
  running.add(child);
  return () => running.delete(child);
}

export class ChildProgram {
  readonly process: ChildProcess;
  readonly #name: string;
  readonly #inbox: unknown[] = [];
  readonly #forget: () => void;
  #wake: () => void = () => undefined;

  /** Starts the compiled program; it finds `given` by `givenTo()`. */
  constructor(program: URL, given: object, nodeOptions: readonly string[] = []) {
    this.#name = program.pathname.split('/').at(-1) ?? '';
    this.process = fork(fileURLToPath(program), [JSON.stringify(given)], {
      execArgv: [...nodeOptions],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#forget = endWithRun(this);
    this.process.on('message', (message) => {
      this.#inbox.push(message);
      this.#wake();
    });
    // What failed shows in next(), which sees that the process has gone.
    this.process.on('error', () => this.#wake());
    this.process.once('exit', () => this.#wake());
  }

  /** What the program says next. Rejects when it ends instead, or says nothing for a minute. */
  async next<T>(): Promise<T> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      if (this.#inbox.length > 0) return this.#inbox.shift() as T;
      if (this.#gone) throw new Error(`${this.#name} ended before it was done`);
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`${this.#name} said nothing for ${PATIENCE_MS / 1000} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Resolves when the message is in the kernel. */
  tell(message: object): Promise<void> {
    return new Promise((resolve, reject) => {
      this.process.send(message, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  async stop(): Promise<void> {
    if (!this.#gone) {
      const gone = once(this.process, 'exit');
      this.process.kill('SIGKILL');
      await gone;
    }
    this.#forget();
  }

  get #gone(): boolean {
    const { exitCode, signalCode, pid } = this.process;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }
}
