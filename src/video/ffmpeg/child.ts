/** One ffmpeg: a child process whose output goes into a pipe of ours and whose words are kept, without secrets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { Writable } from 'node:stream';
import { printable } from '../../core/index.js';
import {
  assertDescriptorsLeft,
  closeDescriptor,
  createLargePipe,
  type Pipe,
} from '../../ffi/index.js';
import { redact } from './redaction.js';

/** A picture of 1080p and what the kernel needs to keep it: it comes in one piece or two. */
export const PIPE_BYTES = 4 << 20;
/** A damaged stream can make ffmpeg say something a packet: the last lines are enough. */
const MAX_LINES = 24;
const MAX_LINE_LENGTH = 300;
/**
 * Node opens a pair for each stream of a child and a pipe that tells of its start, and some more for the first. When it
 * finds none left for the last of them it loses those before.
 */
export const STARTING_DESCRIPTORS = 12;
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

/** One that cannot be started has ended: what goes in is lost, nothing comes out, and `ended` tells why. */
export class FfmpegChild {
  /** The reading end of its output, where there is one. Whoever reads it closes it. */
  readonly output: number | undefined;
  /** The same of the second output, where it was asked for. */
  readonly secondOutput: number | undefined;
  readonly input: Writable;
  /** The second input, where it was asked for. */
  readonly secondInput: Writable | undefined;
  /** Resolves when the process is gone; never rejects. */
  readonly ended: Promise<ChildEnd>;
  readonly #child: ChildProcess | undefined;
  readonly #lines: string[] = [];
  readonly #secrets: readonly string[];
  #partial = '';

  constructor({ args, secrets = [], second }: ChildOptions) {
    this.#secrets = secrets;
    const words = ['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'error', ...args];
    const pipes: Pipe[] = [];
    let failure: Error | undefined;
    try {
      pipes.push(createLargePipe(PIPE_BYTES));
      if (second === 'output') pipes.push(createLargePipe(PIPE_BYTES));
      const [main, beside] = pipes.map(({ writable }) => writable);
      const third = second === undefined ? [] : [beside ?? ('pipe' as const)];
      assertDescriptorsLeft(STARTING_DESCRIPTORS);
      this.#child = spawn('ffmpeg', words, { stdio: ['pipe', main, 'pipe', ...third] });
    } catch (error) {
      for (const { readable } of pipes) closeDescriptor(readable);
      if (!isSystemError(error)) throw error;
      failure = error;
    } finally {
      for (const { writable } of pipes) closeDescriptor(writable);
    }
    if (failure === undefined)
      [this.output, this.secondOutput] = pipes.map((pipe) => pipe.readable);
    this.input = this.#child?.stdin ?? nowhere();
    // Without a descriptor left for its streams a child has none at all, whatever the types say.
    const beside = (this.#child?.stdio as ChildProcess['stdio'] | undefined)?.[3];
    if (second === 'input') this.secondInput = (beside as Writable | undefined) ?? nowhere();
    // A child that ends first: what is still to be written is lost, and `ended` tells why.
    this.input.on('error', () => undefined);
    this.secondInput?.on('error', () => undefined);
    this.#child?.stderr?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    this.ended = failure === undefined ? this.#end() : Promise.resolve(neverStarted(failure));
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Nothing more goes in: resolves when it has given what it still had. `given` counts that: where it stays the same for
   * `stallMs` the process is stuck, and stopped. Undefined: it is held up by us, and has all that time again.
   */
  async finish(given: () => number | undefined, stallMs = STALL_MS): Promise<ChildEnd> {
    this.input.end();
    let before = given();
    const look = setInterval(() => {
      const now = given();
      if (now !== undefined && now === before) this.#kill();
      before = now;
    }, stallMs);
    const end = await this.ended;
    clearInterval(look);
    return end;
  }

  /** Resolves when it is gone. It has nothing to save, so it is not asked. */
  async stop(): Promise<void> {
    this.#kill();
    this.input.destroy();
    await this.ended;
  }

  /** Not one that was never started: its id is 0, which to kill(2) is all processes of our own group. */
  #kill(): void {
    if (this.pid !== undefined) this.#child?.kill('SIGKILL');
  }

  #end(): Promise<ChildEnd> {
    return new Promise((resolve) => {
      this.#child?.once('error', (error) => resolve(neverStarted(error)));
      this.#child?.once('close', (status) => {
        this.#hear('\n');
        resolve({ status: status ?? undefined, lines: [...this.#lines] });
      });
    });
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

function neverStarted(error: Error): ChildEnd {
  return { error, status: undefined, lines: [] };
}

/** What is written to it is gone. */
function nowhere(): Writable {
  return new Writable({ write: (_bytes, _encoding, done) => done() });
}

/** Of libc or of Node: they have the same two properties. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'errno' in error;
}
