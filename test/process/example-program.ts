/** Runs a program of examples/ as a process of its own and waits for what it prints. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** This file runs from dist/test/process/. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

export class ExampleProgram {
  readonly name: string;
  /** Rejects if it ends badly of its own accord; never resolves. */
  readonly failed: Promise<never>;
  /** What was printed so far, without line feeds. */
  readonly lines: string[] = [];
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #changed = new EventTarget();
  readonly #ended: Promise<void>;
  #errors = '';
  #hasEnded = false;
  #isKilled = false;

  constructor(name: string, words: readonly string[], directory: string) {
    this.name = name;
    const path = name.endsWith('.mjs') ? `examples/${name}` : `dist/examples/${name}.js`;
    this.#child = spawn(process.execPath, [`${root}${path}`, ...words], {
      cwd: root,
      env: { ...process.env, SLUICE_DIR: directory },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.lines.push(line);
      this.#changed.dispatchEvent(new Event('change'));
    });
    // 'close' and not 'exit': everything that was printed has been read by then.
    this.#ended = once(this.#child, 'close').then(() => {
      this.#hasEnded = true;
      this.#changed.dispatchEvent(new Event('change'));
    });
    this.failed = new Promise((_, reject) => {
      void this.#ended.then(() => {
        if (!this.#isKilled && !this.#endedWell) reject(this.#failure('failed'));
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Standard input, all of it. */
  feed(text: string): void {
    this.#child.stdin.end(text);
  }

  /** The first line that matches. Rejects when the program ends without one. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.lines) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      if (this.#hasEnded) throw this.#failure(`ended without a line like ${pattern}`);
      await new Promise((resolve) =>
        this.#changed.addEventListener('change', resolve, { once: true }),
      );
    }
  }

  /** Waits for its end, which must be a good one, and returns what it printed. */
  async end(): Promise<readonly string[]> {
    await this.#ended;
    if (this.#endedWell) return this.lines;
    throw this.#failure('did not end well');
  }

  /** As Ctrl+C does. */
  async interrupt(): Promise<readonly string[]> {
    this.#child.kill('SIGINT');
    return this.end();
  }

  async kill(): Promise<void> {
    this.#isKilled = true;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  get #endedWell(): boolean {
    return this.#child.exitCode === 0 && this.#errors === '';
  }

  #failure(what: string): Error {
    const end = this.#child.exitCode ?? this.#child.signalCode;
    return new Error(`${this.name} ${what} (${end})\n${this.lines.join('\n')}\n${this.#errors}`);
  }
}
