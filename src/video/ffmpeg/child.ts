/** One ffmpeg: a child process whose output goes into a pipe of ours and whose words are kept, without secrets. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { printable, SluiceError } from '../../core/index.js';
import { closeDescriptor, createLargePipe } from '../../ffi/index.js';
import { redact } from './redaction.js';

/** A picture of 1080p and what the kernel needs to keep it: it comes in one piece or two. */
export const PIPE_BYTES = 4 << 20;
/** A damaged stream can make ffmpeg say something a packet: the last lines are enough. */
const MAX_LINES = 24;
const MAX_LINE_LENGTH = 300;
/** No picture takes so long, even on a machine that does a lot else. */
const STALL_MS = 20_000;

export interface ChildOptions {
  /** What follows the options that every call has. Visible to all users of the machine: no secrets. */
  readonly args: readonly string[];
  /** Replaced in all that ffmpeg says. */
  readonly secrets?: readonly string[];
  /** Another input beside standard input, or another output beside the pipe: `pipe:3`. */
  readonly second?: 'input' | 'output';
}

/** How an ffmpeg ended. */
export interface ChildEnd {
  /** The program could not be started. */
  readonly error?: Error;
  /** The exit status; undefined after a signal. */
  readonly status: number | undefined;
  /** The last lines it said, fit to be shown. */
  readonly lines: readonly string[];
}

export class FfmpegChild {
  /** The reading end of its output. Whoever reads it closes it. */
  readonly output: number;
  /** The same of the second output, where it was asked for; else -1. */
  readonly secondOutput: number;
  /** Resolves when the process is gone; never rejects. */
  readonly ended: Promise<ChildEnd>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #secrets: readonly string[];
  #partial = '';

  constructor({ args, secrets = [], second }: ChildOptions) {
    this.#secrets = secrets;
    const { readable, writable } = createLargePipe(PIPE_BYTES);
    this.output = readable;
    const words = ['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'error', ...args];
    const beside = second === 'output' ? createLargePipe(PIPE_BYTES) : undefined;
    const third = second === undefined ? [] : [beside?.writable ?? ('pipe' as const)];
    this.#child = spawn('ffmpeg', words, { stdio: ['pipe', writable, 'pipe', ...third] });
    closeDescriptor(writable);
    if (beside !== undefined) closeDescriptor(beside.writable);
    this.secondOutput = beside?.readable ?? -1;
    // A child that ends first: what is still to be written is lost, and `ended` tells why.
    this.#child.stdin?.on('error', () => undefined);
    if (second === 'input') this.secondInput.on('error', () => undefined);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve({ error, status: undefined, lines: [] }));
      this.#child.once('close', (status) => {
        this.#hear('\n');
        resolve({ status: status ?? undefined, lines: [...this.#lines] });
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get input(): Writable {
    return this.#child.stdin as Writable;
  }

  /** There only where it was asked for. */
  get secondInput(): Writable {
    return this.#child.stdio[3] as Writable;
  }

  /**
   * Nothing more goes in: resolves when it has given what it still had. `given` counts that: where it stays the same for
   * `stallMs` the process is stuck, and stopped.
   */
  async finish(given: () => number, stallMs = STALL_MS): Promise<ChildEnd> {
    this.input.end();
    let before = given();
    const look = setInterval(() => {
      const now = given();
      if (now === before) this.#child.kill('SIGKILL');
      before = now;
    }, stallMs);
    const end = await this.ended;
    clearInterval(look);
    return end;
  }

  /** Resolves when it is gone. It has nothing to save, so it is not asked. */
  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    this.#child.stdin?.destroy();
    await this.ended;
  }

  #hear(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = (lines.pop() ?? '').slice(0, MAX_LINE_LENGTH);
    for (const line of lines) {
      if (line.trim() === '') continue;
      this.#lines.push(printable(redact(line.trim(), this.#secrets), MAX_LINE_LENGTH));
      if (this.#lines.length > MAX_LINES) this.#lines.shift();
    }
  }
}

/** `UNSUPPORTED` when there is no ffmpeg. */
export function missingFfmpeg(cause: Error): SluiceError {
  const found = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'not found' : cause.message;
  return new SluiceError('UNSUPPORTED', `cannot start ffmpeg: ${printable(found)}`, {
    remedy:
      'Install ffmpeg 5.1 or newer so that it is on the PATH (Debian: apt-get install ffmpeg).',
    cause,
  });
}
