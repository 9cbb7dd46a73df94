/**
 * A subject that lives in a process of its own: forked, asked for one sample after the other, killed.
 *
 * The forked program answers each request with one number. It owns the process at its other end, which ends when its
 * IPC channel does: to kill the first is to end both.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Far above what any sample takes: a subject that hangs is a failure. */
const ANSWER_TIMEOUT_MS = 120_000;
/** Of the error output: the end tells most. */
const MAX_STDERR_CHARS = 4000;

type Answer = { readonly value: number } | { readonly ready: true } | { readonly missing: string };

/** Thrown when a subject says that it cannot run on this machine. */
export class MissingSubject extends Error {}

export class SubjectProgram {
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  #stderr = '';
  #settle: ((answer: Answer | Error) => void) | undefined;
  #end: Error | undefined;

  private constructor(program: string, given: object) {
    const path = fileURLToPath(new URL(program, import.meta.url));
    this.#child = fork(path, [JSON.stringify(given)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR_CHARS);
    });
    this.#child.on('message', (answer) => this.#settle?.(answer as Answer));
    this.#gone = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.#fail(error);
        resolve();
      });
      this.#child.on('close', (code, signal) => {
        const status = signal ?? `status ${code}`;
        this.#fail(new Error(`${program} ended with ${status}: ${this.#stderr.trim()}`));
        resolve();
      });
    });
  }

  /** Resolves when it is ready. Rejects with {@link MissingSubject}, or with its error output when it dies. */
  static async start(program: string, given: object): Promise<SubjectProgram> {
    const subject = new SubjectProgram(program, given);
    try {
      const answer = await subject.#answer();
      if ('missing' in answer) throw new MissingSubject(answer.missing);
      return subject;
    } catch (error) {
      await subject.stop();
      throw error;
    }
  }

  /** Rejects with the program's error output when it dies. */
  async ask(request: object): Promise<number> {
    const answered = this.#answer();
    if (this.#end === undefined) this.#child.send(request);
    const answer = await answered;
    if ('value' in answer) return answer.value;
    throw new Error(`a subject answered ${JSON.stringify(answer)} to ${JSON.stringify(request)}`);
  }

  /** Kills it. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
  }

  #fail(error: Error): void {
    this.#end ??= error;
    this.#settle?.(this.#end);
  }

  #answer(): Promise<Answer> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle?.(new Error(`no answer in ${ANSWER_TIMEOUT_MS} ms: ${this.#stderr}`)),
        ANSWER_TIMEOUT_MS,
      );
      this.#settle = (answer) => {
        clearTimeout(timer);
        this.#settle = undefined;
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      };
    });
  }
}
