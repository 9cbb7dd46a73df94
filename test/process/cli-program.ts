/** The built command line as a child process, in a runtime directory of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** A hang is a failure, and the child does not outlive it. */
const GIVE_UP_MS = 60_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** A running child. Its output is kept; waiting is for text to appear or for its end. */
export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  out = Buffer.alloc(0);
  err = '';
  #over = false;
  #onText: (() => void) | undefined;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (bytes: Buffer) => {
      this.out = Buffer.concat([this.out, bytes]);
      this.#onText?.();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
      this.#onText?.();
    });
    // A child that ended before it had read all of its input is what some tests are about.
    child.stdin?.on('error', () => undefined);
    const timer = setTimeout(() => child.kill('SIGKILL'), GIVE_UP_MS).unref();
    this.ended = once(child, 'close').then(([code, signal]) => {
      clearTimeout(timer);
      this.#over = true;
      this.#onText?.();
      return {
        code: code as number | null,
        signal: signal as NodeJS.Signals | null,
        out: this.out.toString(),
        err: this.err,
      };
    });
  }

  /** Resolves when standard output or error, as text, matches. Fails when the child ends before. */
  async shows(pattern: RegExp): Promise<void> {
    for (;;) {
      if (pattern.test(this.out.toString()) || pattern.test(this.err)) return;
      assert.ok(!this.#over, `it ended without ${pattern}:\n${this.out.toString()}\n${this.err}`);
      await new Promise<void>((resolve) => (this.#onText = resolve));
    }
  }

  write(text: string | Uint8Array): void {
    this.child.stdin?.write(text);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }
}

/** Starts programs and stops all of them at the end. */
export class Stage {
  readonly directory = mkdtempSync(join(tmpdir(), 'sluice-test-cli-'));
  readonly #environment: NodeJS.ProcessEnv;
  readonly #running: Running[] = [];

  constructor(environment: NodeJS.ProcessEnv = process.env) {
    this.#environment = environment;
  }

  start(
    words: readonly string[],
    options: { readonly env?: NodeJS.ProcessEnv; readonly program?: readonly string[] } = {},
  ): Running {
    const [command = '', ...before] = options.program ?? [process.execPath, CLI];
    const child = spawn(command, [...before, ...words], {
      env: { ...this.#environment, SLUICE_DIR: this.directory, ...options.env },
      stdio: 'pipe',
    });
    const running = new Running(child);
    this.#running.push(running);
    return running;
  }

  /** Runs to the end, with `input` as the whole of standard input. */
  async run(
    words: readonly string[],
    input: string | Uint8Array = '',
    env: NodeJS.ProcessEnv = {},
  ): Promise<Ended> {
    const running = this.start(words, { env });
    running.child.stdin?.end(input);
    return running.ended;
  }

  /** A publisher of text that has started. */
  async publish(channel: string, ...words: readonly string[]): Promise<Running> {
    const publisher = this.start(['pub', channel, '--json', ...words]);
    await publisher.shows(/"event":"open"/);
    return publisher;
  }

  async close(): Promise<void> {
    for (const running of this.#running) running.child.kill('SIGKILL');
    await Promise.all(this.#running.map(({ ended }) => ended));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
