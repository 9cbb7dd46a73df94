/** The programs of these tests as processes: what they say, line by line, and how they end. */
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ProgramOptions extends SpawnOptions {
  /** A command that runs the program: ['prlimit', '--nofile=20']. */
  readonly wrapper?: readonly string[];
}

const running = new Set<Program>();

export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #over = false;

  /** Runs `NAME.js` beside this file with arguments that are JSON, so that options need no parser. */
  constructor(name: string, input: object = {}, options: ProgramOptions = {}) {
    const { wrapper = [], ...spawnOptions } = options;
    const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
    const [command = '', ...rest] = [...wrapper, process.execPath, file, JSON.stringify(input)];
    this.#name = name;
    this.child = spawn(command, rest, { ...spawnOptions, stdio: ['pipe', 'pipe', 'inherit'] });
    running.add(this);
    this.ended = once(this.child, 'close').then(() => {
      this.#over = true;
      running.delete(this);
      this.#wake();
    });
    this.child.stdin!.on('error', () => undefined);
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.#lines.push(line);
      this.#wake();
    });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get over(): boolean {
    return this.#over;
  }

  /** The next line it says; rejects when it ends without one. */
  async line(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      if (this.#over) {
        const { exitCode, signalCode } = this.child;
        throw new Error(`${this.#name} ended (${exitCode ?? signalCode}) without another line`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** The next line that is not said yet, if any. */
  takeLine(): string | undefined {
    return this.#lines.shift();
  }

  say(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  ask(question: string): Promise<string> {
    this.say(question);
    return this.line();
  }

  kill(): Promise<void> {
    this.child.kill('SIGKILL');
    return this.ended;
  }

  /** SIGSTOP, and the moment at which it has taken effect. */
  async stop(): Promise<void> {
    this.child.kill('SIGSTOP');
    while (!/^State:\tT/m.test(readFileSync(`/proc/${this.pid}/status`, 'latin1'))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  go(): void {
    this.child.kill('SIGCONT');
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** Ends every program that still runs; for `after`. */
export async function endAll(): Promise<void> {
  await Promise.all([...running].map((program) => program.kill()));
}

/** What a program was given. */
export function given<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

/** Ends this process with the one that started it, however that one ends: its standard input is a pipe from there. */
export function endWithParent(): void {
  process.stdin.resume().on('end', () => process.exit());
}

export function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Resolves when `condition` holds, looking once a turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
