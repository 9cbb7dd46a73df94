/** A Python process of a benchmark: asked questions over its standard input, answered line by line in JSON. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Answered, AwaitedAnswers } from './awaited-answers.js';
import { endWithRun } from './child-program.js';

/** Longer than a program waits for anything itself, so that it can say what it waited for. */
const PATIENCE_MS = 60_000;
const START_TIMEOUT_MS = 60_000;
const FAREWELL_MS = 2000;
/** Of the error output: the end tells most. */
const MAX_STDERR_CHARS = 2000;
/** `id` of what a program says once it can be asked. */
const STARTED = -1;

const CLIENT = fileURLToPath(new URL('../../../python', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('../../../bench/python', import.meta.url));

/** An interpreter, or why there is none that does. */
export type Python =
  | { readonly path: string; readonly missing?: undefined }
  | { readonly path?: undefined; readonly missing: string };

/**
 * An interpreter that has `modules`, better with `optional` ones, too: `SLUICE_PYTHON` alone when it is set, else
 * `python3` of the path, then that of the system.
 */
export function findPython(modules: readonly string[], optional: readonly string[] = []): Python {
  if (!existsSync(join(PROGRAMS, 'answers.py'))) return { missing: 'comes with the sources only' };
  const named = process.env.SLUICE_PYTHON;
  const candidates = named === undefined ? ['python3', '/usr/bin/python3'] : [named];
  const has = (path: string, names: readonly string[]): boolean => {
    const words = ['-c', `import ${names.join(', ')}`];
    return spawnSync(path, words, { stdio: 'ignore', timeout: START_TIMEOUT_MS }).status === 0;
  };
  const path =
    candidates.find((candidate) => has(candidate, [...modules, ...optional])) ??
    candidates.find((candidate) => has(candidate, modules));
  if (path !== undefined) return { path };
  return { missing: `no Python 3 with ${modules.join(' and ')}: SLUICE_PYTHON names one` };
}

export class PythonProgram {
  readonly process: ChildProcess;
  readonly #name: string;
  readonly #answers: AwaitedAnswers;
  readonly #forget: () => void;
  /** The program has ended, and all that it started. */
  readonly #closed: Promise<unknown>;
  #nextId = 0;
  #stderr = '';

  private constructor(python: string, name: string, given: object) {
    this.#name = name;
    this.#answers = new AwaitedAnswers(name, PATIENCE_MS);
    // A group of its own: what the program starts ends with it.
    this.process = spawn(python, ['-B', join(PROGRAMS, name), JSON.stringify(given)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, PYTHONPATH: [CLIENT, PROGRAMS].join(delimiter) },
    });
    this.#forget = endWithRun(this);
    createInterface({ input: this.process.stdout! }).on('line', (line) => this.#onLine(line));
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR_CHARS);
    });
    // A program that is gone shows in `close`.
    this.process.stdin?.on('error', () => undefined);
    this.process.once('error', (error) => this.#answers.end(error));
    this.#closed = new Promise((resolve) => this.process.once('close', resolve));
    this.process.once('close', (code, signal) => {
      const ended = `${name} ended with ${signal ?? `status ${code}`}`;
      this.#answers.end(new Error(`${ended}: ${this.#stderr.trim()}`));
    });
  }

  /** Starts `bench/python/<name>`, which finds `given` as its argument. Resolves when it can be asked. */
  static async start(python: string, name: string, given: object): Promise<PythonProgram> {
    const program = new PythonProgram(python, name, given);
    try {
      await program.#answers.wait(STARTED, 'start');
      return program;
    } catch (error) {
      await program.stop();
      throw error;
    }
  }

  /** Rejects with what the program says went wrong, when it ends, and when it says nothing for a minute. */
  async ask<T>(name: string, of: object = {}): Promise<T> {
    const id = this.#nextId++;
    const answered = this.#answers.wait(id, name);
    if (!this.#answers.ended) {
      this.process.stdin?.write(`${JSON.stringify({ id, name, of })}\n`);
    }
    return (await answered) as T;
  }

  /** Lets it end by itself, which gives back what it shares; kills it, and what it started, when that takes long. */
  async stop(): Promise<void> {
    this.process.stdin?.end();
    const patience = AbortSignal.timeout(FAREWELL_MS);
    await Promise.race([this.#closed, once(patience, 'abort')]);
    this.#killGroup();
    await this.#closed;
    this.#forget();
  }

  /** Also after the program's own end: what it started may be left of the group. */
  #killGroup(): void {
    const { pid } = this.process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  }

  #onLine(line: string): void {
    try {
      this.#answers.settle(JSON.parse(line) as Answered);
    } catch {
      this.#answers.end(new Error(`${this.#name} said ${JSON.stringify(line.slice(0, 100))}`));
    }
  }
}
