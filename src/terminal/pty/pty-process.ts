/**
 * One program in a pseudo terminal of its own: its session leader, with the terminal as its controlling terminal, so
 * that it has job control and gets SIGINT and SIGWINCH as anywhere.
 *
 * **No byte is lost at the end.** This process keeps a slave open until the program has ended, so the master never is
 * at its end before. A program's writes are in the kernel when it ends, and read(2) of a master carries all of them
 * over before it says EAGAIN (n_tty_read flushes the buffers first). So after the exit the master is read until it
 * says so. What the program leaves running in its terminal could write for ever: at most {@link MAX_TAIL_BYTES} are
 * read then, far more than the kernel holds, and the master is closed, which is a hangup for whatever is left.
 *
 * **One noisy program starves nobody**: a turn of the event loop reads a piece of at most {@link TURN_BYTES}, and a
 * smaller one after a piece that took long: two bytes may ask an emulator to do everything anew.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { SluiceError } from '../../core/index.js';
import {
  closeDescriptor,
  closeOthersOnExec,
  type DescriptorWatch,
  foregroundGroup,
  openPty,
  readTerminal,
  setTerminalSize,
  SystemCallError,
  type TerminalSize,
  watchReadable,
  writeTerminal,
} from '../../ffi/index.js';
import { findProgram } from './find-program.js';
import { processesOfSession } from './session-processes.js';

/** The kernel gives at most 4095 bytes a call. */
const TURN_BYTES = 65_536;
const MIN_TURN_BYTES = 128;
/** A piece should not take longer. */
const TURN_MS = 8;
/** Its buffers hold about 64 KiB, and 4 KiB that are ready to be read. */
const MAX_TAIL_BYTES = 262_144;
/** Input that waits for the program to read. */
export const MAX_INPUT_BYTES = 1 << 20;

/** A program, and the terminal it gets. */
export interface PtyProcessOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Its working directory. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly size: TerminalSize;
}

/** Where the output of a program goes. */
export interface PtyHandlers {
  /** The bytes are good during the call only. It may pause the process. */
  onOutput(bytes: Uint8Array): void;
}

/** How a program ended. */
export interface PtyEnd {
  /** 127 when it could not be run, as in a shell; undefined after a signal. */
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** One buffer for all: a piece is given on before the next is read. */
const buffer = new Uint8Array(TURN_BYTES);

/**
 * A program in a terminal of its own, until it has ended. Programs inherit no descriptor of this process but their
 * terminal: all others are marked close-on-exec. Whoever started one ends it, by
 * `process.kill` of its `processes`.
 */
export class PtyProcess {
  readonly pid: number;
  /** Resolves when the program has ended and all it wrote was given on; never rejects. */
  readonly ended: Promise<PtyEnd>;
  readonly #master: number;
  readonly #slave: number;
  readonly #handlers: PtyHandlers;
  readonly #watch: DescriptorWatch;
  readonly #input: Uint8Array[] = [];
  /** Of the first piece of input. */
  #writtenBytes = 0;
  #queuedBytes = 0;
  #paused = false;
  #exit: PtyEnd | undefined;
  #tailBytes = 0;
  #turnBytes = TURN_BYTES;
  #closed = false;
  #resolveEnded!: (end: PtyEnd) => void;

  /**
   * Rejects with `SYSTEM` or `TOO_MANY_FILES` when there is no terminal or no process to be had. That the program
   * cannot be run shows as its exit code, 126 or 127, and in its terminal.
   */
  static async start(options: PtyProcessOptions, handlers: PtyHandlers): Promise<PtyProcess> {
    const { master, slave } = openTerminal(options.size);
    try {
      closeOthersOnExec();
      const child = spawn(sessionStarter(), ['-c', '--', ...options.command], {
        cwd: options.directory,
        env: options.environment,
        stdio: [slave, slave, slave],
      });
      await once(child, 'spawn');
      return new PtyProcess(child, master, slave, handlers);
    } catch (error) {
      closeDescriptor(master);
      closeDescriptor(slave);
      throw startFailure(options, error);
    }
  }

  private constructor(child: ChildProcess, master: number, slave: number, handlers: PtyHandlers) {
    this.pid = child.pid as number;
    this.#master = master;
    this.#slave = slave;
    this.#handlers = handlers;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.#watch = watchReadable(master, () => this.#onReady());
    child.once('exit', (code, signal) => {
      this.#exit = { exitCode: code ?? undefined, signal: signal ?? undefined };
      this.#readTail();
    });
  }

  /**
   * The program until it has ended, and what was started in its terminal. From its first moment: between exec(2) and
   * setsid(2) it is in no session of its own, and what is ended then would be passed over, and waited for for ever.
   */
  get processes(): readonly number[] {
    const others = processesOfSession(this.pid).filter((pid) => pid !== this.pid);
    return this.#exit === undefined ? [this.pid, ...others] : others;
  }

  /** The process group in the foreground of the terminal. */
  get foregroundGroup(): number | undefined {
    return this.#closed ? undefined : foregroundGroup(this.#master);
  }

  /** Bytes of input that the terminal has not taken yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /**
   * Types into the terminal; never waits. What it does not take at once is queued and goes when it does, in order and
   * whole. False: more than {@link MAX_INPUT_BYTES} would wait, or the program has ended; then nothing was taken.
   */
  write(bytes: Uint8Array): boolean {
    if (this.#exit !== undefined || this.#closed) return false;
    if (this.#queuedBytes + bytes.byteLength > MAX_INPUT_BYTES) return false;
    if (bytes.byteLength === 0) return true;
    this.#input.push(bytes.slice());
    this.#queuedBytes += bytes.byteLength;
    if (this.#input.length === 1) this.#flush();
    return true;
  }

  /** TIOCSWINSZ: the programs in the foreground hear of it by SIGWINCH. */
  resize(size: TerminalSize): void {
    if (!this.#closed) setTerminalSize(this.#master, size);
  }

  /** Reads no more until `resume`: the program waits once the kernel's buffers are full. Its end waits as well. */
  pause(): void {
    if (this.#paused || this.#closed) return;
    this.#paused = true;
    this.#watch.setReadable(false);
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#watch.setReadable(true);
    // Not here: whoever resumes is in the middle of something.
    if (this.#exit !== undefined) setImmediate(() => this.#readTail());
  }

  #onReady(): void {
    this.#flush();
    if (!this.#paused && !this.#closed) this.#read(this.#turnBytes);
  }

  /** Gives on what is there, at most `limit` bytes. False when nothing is left or the end was reached. */
  #read(limit: number): boolean {
    let filled = 0;
    let last = 1;
    while (filled < limit) {
      last = readTerminal(this.#master, buffer.subarray(filled, limit));
      if (last <= 0) break;
      filled += last;
    }
    if (filled > 0) {
      if (this.#exit !== undefined) this.#tailBytes += filled;
      this.#give(buffer.subarray(0, filled));
    }
    // Somebody hung the terminal up (vhangup): it stays readable for ever, and says no more.
    if (last === 0 && this.#exit === undefined) this.#watch.setReadable(false);
    return last > 0;
  }

  #give(bytes: Uint8Array): void {
    const beganMs = performance.now();
    this.#handlers.onOutput(bytes);
    const tookMs = performance.now() - beganMs;
    const wanted = tookMs > TURN_MS ? bytes.byteLength / 2 : this.#turnBytes * 2;
    this.#turnBytes = Math.floor(Math.min(TURN_BYTES, Math.max(MIN_TURN_BYTES, wanted)));
  }

  #readTail(): void {
    if (this.#paused || this.#closed) return;
    const left = MAX_TAIL_BYTES - this.#tailBytes;
    const isMore = left > 0 && this.#read(Math.min(left, this.#turnBytes));
    if (isMore) setImmediate(() => this.#readTail());
    else this.#close();
  }

  #flush(): void {
    for (;;) {
      const piece = this.#input[0];
      if (piece === undefined) return this.#watch.setWritable(false);
      let written: number;
      try {
        written = writeTerminal(this.#master, piece, this.#writtenBytes);
      } catch (error) {
        if (!(error instanceof SystemCallError)) throw error;
        return this.#dropInput();
      }
      if (written === 0) return this.#watch.setWritable(true);
      this.#writtenBytes += written;
      this.#queuedBytes -= written;
      if (this.#writtenBytes < piece.byteLength) continue;
      this.#writtenBytes = 0;
      this.#input.shift();
    }
  }

  #dropInput(): void {
    this.#input.length = 0;
    this.#writtenBytes = 0;
    this.#queuedBytes = 0;
    this.#watch.setWritable(false);
  }

  #close(): void {
    if (this.#closed) return;
    this.#dropInput();
    this.#closed = true;
    this.#watch.close();
    closeDescriptor(this.#slave);
    closeDescriptor(this.#master);
    this.#resolveEnded(this.#exit as PtyEnd);
  }
}

/** setsid(1): a session of its own, and its standard input as the controlling terminal; the process stays the same. */
function sessionStarter(): string {
  const found = findProgram('setsid', '/', `${process.env['PATH'] ?? ''}:/usr/bin:/bin`);
  if (found !== undefined) return found;
  throw new SluiceError('UNSUPPORTED', 'cannot give a program a terminal: there is no setsid', {
    remedy: 'Install util-linux so that setsid is on the PATH.',
  });
}

function openTerminal(size: TerminalSize): { master: number; slave: number } {
  try {
    return openPty(size);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    const code = error.code === 'EMFILE' || error.code === 'ENFILE' ? 'TOO_MANY_FILES' : 'SYSTEM';
    throw new SluiceError(code, `cannot make a terminal: ${error.message}`, {
      details: { call: error.call, errno: error.errno },
      cause: error,
    });
  }
}

function startFailure({ command, directory }: PtyProcessOptions, error: unknown): unknown {
  if (error instanceof SluiceError || !(error instanceof Error)) return error;
  const { code = error.message } = error as NodeJS.ErrnoException;
  const what = `cannot start ${JSON.stringify(command[0])} in ${JSON.stringify(directory)}`;
  return new SluiceError('SYSTEM', `${what}: ${code}`, {
    details: { command, directory, errno: code },
    remedy: 'Check that the directory is there, and that the user may have more processes.',
    cause: error,
  });
}
