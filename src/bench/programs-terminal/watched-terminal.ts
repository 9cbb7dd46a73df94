/** The terminal of a user: a program in it, what it is typed, and when something comes out. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TerminalSize } from '../../ffi/index.js';
import { PtyProcess } from '../../terminal/pty/index.js';
import { endWithRun } from '../child-program.js';
import { signalProcess } from './process-ends.js';
import type { TerminalPicture } from './terminal-picture.js';

/** Of everything that is measured in one. */
export const TERMINAL_SIZE: TerminalSize = { columns: 200, rows: 60 };
/** What has not come by then does not come. */
const PATIENCE_MS = 15_000;
const FAREWELL_MS = 2000;
/** A program that has drawn everything says nothing for so long, while nothing happens. */
const DRAWN_MS = 250;

interface Wanted {
  readonly bytes: Buffer;
  resolve(atMs: number): void;
}

export class WatchedTerminal {
  /** An emulator that draws all that comes, and answers. */
  picture: TerminalPicture | undefined;
  #process!: PtyProcess;
  #wanted: Wanted | undefined;
  /** The end of what came before: what is wanted may be cut anywhere. */
  #rest: Buffer = Buffer.alloc(0);
  #lastMs = 0;
  #isOver = false;
  #forget: () => void = () => undefined;

  static async start(
    command: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    picture?: TerminalPicture,
  ): Promise<WatchedTerminal> {
    const terminal = new WatchedTerminal();
    terminal.picture = picture;
    if (picture !== undefined) picture.onAnswer = (text) => terminal.type(text);
    const { PATH = '' } = process.env;
    terminal.#process = await PtyProcess.start(
      {
        ...{ command, directory: '/', size: TERMINAL_SIZE },
        environment: {
          ...{ PATH, TERM: 'xterm-256color', COLORTERM: 'truecolor', LC_ALL: 'C.UTF-8' },
          ...environment,
        },
      },
      { onOutput: (bytes) => terminal.#take(bytes) },
    );
    terminal.#forget = endWithRun(terminal);
    void terminal.#process.ended.then(() => (terminal.#isOver = true));
    return terminal;
  }

  /** Of the program. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Resolves when the program has ended. */
  get ended(): Promise<unknown> {
    return this.#process.ended;
  }

  type(text: string): void {
    this.#process.write(Buffer.from(text));
  }

  /** Resolves with the time at which `text` came out from now on; rejects when the program ends or says nothing. */
  async shows(text: string): Promise<number> {
    this.#rest = Buffer.alloc(0);
    const found = new Promise<number>((resolve) => {
      this.#wanted = { bytes: Buffer.from(text), resolve };
    });
    const patience = new AbortController();
    const given = sleep(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined);
    const atMs = await Promise.race([found, given, this.ended.then(() => undefined)]);
    patience.abort();
    this.#wanted = undefined;
    if (typeof atMs === 'number') return atMs;
    const why = this.#isOver ? 'ended' : `wrote nothing of it for ${PATIENCE_MS / 1000} s`;
    throw new Error(`the program of the terminal ${why}`);
  }

  /** Resolves when nothing has come for so long, for `firstMs` at first; rejects when something always does. */
  async quiet(forMs: number, firstMs = forMs): Promise<void> {
    const startMs = performance.now();
    this.#lastMs = startMs;
    for (;;) {
      const nowMs = performance.now();
      const leftMs = this.#lastMs + (this.#lastMs === startMs ? firstMs : forMs) - nowMs;
      if (leftMs <= 0 || this.#isOver) return;
      if (nowMs - startMs > PATIENCE_MS) {
        throw new Error(`the terminal was not quiet for ${forMs} ms in ${PATIENCE_MS / 1000} s`);
      }
      await sleep(Math.min(leftMs, forMs));
    }
  }

  /** Resolves when a program has drawn everything, `text` among it; ends it when it does not. */
  async isDrawn(text: string): Promise<this> {
    try {
      await this.shows(text);
      await this.quiet(DRAWN_MS);
      return this;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends the program as a user's terminal does that is asked to, and waits for it. Twice is harmless. */
  async stop(): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (this.#isOver) break;
      signalProcess(this.pid, signal);
      await Promise.race([this.ended, sleep(FAREWELL_MS, undefined, { ref: false })]);
    }
    this.#forget();
  }

  #take(bytes: Uint8Array): void {
    this.#lastMs = performance.now();
    this.picture?.take(bytes);
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    const seen = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    if (seen.includes(wanted.bytes)) wanted.resolve(this.#lastMs);
    else this.#rest = Buffer.from(seen.subarray(-wanted.bytes.length));
  }
}
