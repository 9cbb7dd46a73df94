import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { SluiceError } from '../../core/index.js';
import {
  type DescriptorWatch,
  type TerminalAttributes,
  rawAttributes,
  setTerminalAttributes,
  sttyText,
  terminalAttributes,
  terminalSize,
  watchReadable,
} from '../../ffi/index.js';
import { FrameWriter } from './frame-writer.js';
import { type TerminalModes, enterSequence, leaveSequence } from './terminal-modes.js';
import { TerminalWatchdog } from './watchdog.js';

/** What a user's terminal tells its owner. */
export interface UserTerminalEvents {
  /** Bytes that came; valid during the call. */
  onInput(bytes: Uint8Array): void;
  /** The frame that was on its way is written. */
  onIdle(): void;
  /** The size may have changed (SIGWINCH), or the process was asleep (SIGCONT): draw everything again. */
  onResize(): void;
  /** The terminal is gone: closed, or its connection lost. */
  onHangup(): void;
}

const READ_BYTES = 64 * 1024;
/** On leaving, so many pieces of input are thrown away; a terminal holds a part of one. */
const MAX_DISCARDED_READS = 64;
const FALLBACK_SIZE = { columns: 80, rows: 24 };
/** On leaving, a terminal that takes nothing is waited for so long. */
const LEAVE_PATIENCE_MS = 500;
const LEAVE_STEP_MS = 5;

/**
 * The terminal of the user, as a program with the whole screen has it. It is opened anew, so that it can be used without
 * waiting while the shell's own descriptors keep waiting as they did. However this process ends, the terminal is put
 * back: by `leave`, by the exit hook after an exception, by a watchdog after SIGKILL.
 */
export class UserTerminal {
  /** Where frames go. */
  readonly frames = new FrameWriter(
    {
      // Put back it shows what the shell does, which no frame may: not even one that came while this process slept.
      write: (bytes) => (this.#taken || this.#closed ? this.#write(bytes) : 0),
      wantRoom: (wanted) => this.#watch?.setWritable(wanted),
    },
    () => this.#events?.onIdle(),
  );
  readonly #fd: number;
  readonly #path: string;
  readonly #original: TerminalAttributes;
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #atExit = (): void => this.leave();
  #events: UserTerminalEvents | undefined;
  #watch: DescriptorWatch | undefined;
  #watchdog: TerminalWatchdog | undefined;
  #modes: TerminalModes = { alternateScreen: true, mouse: false, kittyKeyboard: false };
  /** In raw mode, and to be put back. */
  #taken = false;
  #entered = false;
  #closed = false;

  /**
   * Opens the terminal of standard output, else that of standard input. Throws NOT_A_TERMINAL where neither is one.
   */
  constructor(path?: string) {
    this.#path = path ?? terminalPath();
    this.#fd = openTerminal(this.#path, constants.O_NONBLOCK);
    this.#original = terminalAttributes(this.#fd);
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return terminalSize(this.#fd) ?? FALLBACK_SIZE;
  }

  /** Raw mode, and events from now on. Modes follow with `enter`, once it is known what the terminal can do. */
  start(events: UserTerminalEvents): void {
    this.#events = events;
    this.#take();
    process.on('exit', this.#atExit);
    process.on('SIGWINCH', this.#resized);
    process.on('SIGCONT', this.#continued);
    process.on('SIGTSTP', this.#stopped);
    this.#watch = watchReadable(this.#fd, () => this.#ready());
  }

  /** Switches the modes on. */
  enter(modes: TerminalModes): void {
    this.#modes = modes;
    this.#guard();
    this.#writeAll(Buffer.from(enterSequence(modes)), LEAVE_PATIENCE_MS);
    this.#entered = true;
  }

  #write(bytes: Uint8Array): number {
    if (this.#closed) return bytes.length;
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      // Nobody is there to read the rest.
      setImmediate(() => this.#hangUp());
      return bytes.length;
    }
  }

  /** Puts the terminal to how it was and this process to sleep, until it is continued. */
  suspend(): void {
    this.#putBack();
    // The whole job, as Ctrl-Z would: a program that started this one is one with it for the shell.
    process.kill(0, 'SIGSTOP');
  }

  /** Puts the terminal back and closes it, after the frame that is on its way. Twice is harmless. */
  leave(): void {
    if (this.#closed) return;
    process.removeListener('exit', this.#atExit);
    process.removeListener('SIGWINCH', this.#resized);
    process.removeListener('SIGCONT', this.#continued);
    process.removeListener('SIGTSTP', this.#stopped);
    this.#watch?.close();
    this.#putBack();
    this.#closed = true;
    this.#watchdog?.dismiss();
    closeSync(this.#fd);
  }

  readonly #resized = (): void => this.#events?.onResize();

  readonly #continued = (): void => {
    // Whoever had the terminal meanwhile left it as a shell does.
    this.#take();
    if (this.#entered) this.#writeAll(Buffer.from(enterSequence(this.#modes)), LEAVE_PATIENCE_MS);
    this.#events?.onResize();
  };

  readonly #stopped = (): void => this.suspend();

  #take(): void {
    setTerminalAttributes(this.#fd, rawAttributes(this.#original));
    this.#taken = true;
  }

  #guard(): void {
    if (this.#watchdog !== undefined) return;
    const blocking = openTerminal(this.#path, 0);
    const bytes = leaveSequence(this.#modes);
    this.#watchdog = new TerminalWatchdog(blocking, bytes, sttyText(this.#original));
    closeSync(blocking);
  }

  #putBack(): void {
    if (!this.#taken) return;
    this.#taken = false;
    const rest = this.frames.takeRest();
    if (this.#entered) {
      this.#writeAll(rest, LEAVE_PATIENCE_MS);
      this.#writeAll(Buffer.from(leaveSequence(this.#modes)), LEAVE_PATIENCE_MS);
      this.#discardInput();
    }
    try {
      setTerminalAttributes(this.#fd, this.#original);
    } catch {
      // A terminal that was closed has nothing left to be put back.
    }
  }

  /** What was typed for the view, the rest of a paste most of all, is no line for the shell. */
  #discardInput(): void {
    for (let reads = 0; reads < MAX_DISCARDED_READS && this.#read() > 0; reads += 1);
  }

  /** Writes and waits, but not for ever: a stopped terminal must not keep the process from ending. */
  #writeAll(bytes: Uint8Array, patienceMs: number): void {
    let rest = bytes;
    for (let waitedMs = 0; rest.length > 0 && waitedMs < patienceMs;) {
      const taken = this.#write(rest);
      rest = rest.subarray(taken);
      if (taken > 0) continue;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LEAVE_STEP_MS);
      waitedMs += LEAVE_STEP_MS;
    }
  }

  #ready(): void {
    const count = this.#read();
    if (count > 0) this.#events?.onInput(this.#buffer.subarray(0, count));
    if (count === 0) this.#hangUp();
    else this.frames.flush();
  }

  /** How many bytes came, 0: the end, -1: none at the moment. */
  #read(): number {
    try {
      return readSync(this.#fd, this.#buffer);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return 0;
      return -1;
    }
  }

  #hangUp(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#events?.onHangup();
  }
}

/** Standard output's, or standard input's. Where neither is a terminal nobody asked for one. */
function terminalPath(): string {
  const fd = [1, 0].find((standard) => isatty(standard));
  if (fd === undefined) {
    throw new SluiceError('NOT_A_TERMINAL', 'standard input and output are no terminals');
  }
  return `/proc/self/fd/${fd}`;
}

function openTerminal(path: string, flags: number): number {
  const mode = constants.O_RDWR | constants.O_NOCTTY | flags;
  try {
    return openSync(path, mode);
  } catch (cause) {
    try {
      // The terminal may be another user's (su), or not be seen here (a container): the controlling one is always ours.
      return openSync('/dev/tty', mode);
    } catch {
      throw new SluiceError('NOT_A_TERMINAL', `cannot open the terminal ${path}`, { cause });
    }
  }
}
