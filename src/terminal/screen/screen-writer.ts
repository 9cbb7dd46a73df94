import { dropLostLines } from './lost-lines.js';
import { PendingText } from './pending-text.js';
import { Utf8Alignment } from './utf8-alignment.js';
import type { Xterm } from './xterm.js';

/** Parsed at a time; xterm takes 128 Ki code points. */
const MAX_PARSE_BYTES = 64 * 1024;
/** Text that waits, of one screen. */
const MAX_PENDING_BYTES = 1 << 20;
/** Text beyond ASCII, of which no lines are lost, waits only to be carried out together with more. */
const MAX_SMALL_BYTES = 4096;
/** So long text waits when nobody looks: as long as a frame is seen. */
const CATCH_UP_MS = 16;

export interface ScreenWriterOptions {
  readonly xterm: Xterm;
  readonly eightBitControls: boolean;
  /** So many lines left the history that the emulator has never seen. */
  readonly onLostRows: (count: number) => void;
}

/**
 * Brings what a program writes to the emulator. **Lines of text wait** until somebody looks at the screen, something else
 * than text follows, or a frame's time is over. So a flood in small pieces is carried out in large ones, and of one that
 * is longer than the screen and its history together only the end. Whoever reads the screen calls `catchUp` before; then
 * it is as if all had been carried out at once.
 */
export class ScreenWriter {
  readonly #options: ScreenWriterOptions;
  readonly #alignment: Utf8Alignment;
  readonly #pending = new PendingText();
  #faults = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ScreenWriterOptions) {
    this.#options = options;
    this.#alignment = new Utf8Alignment(options.eightBitControls);
  }

  /** How often the emulator failed. */
  get faults(): number {
    return this.#faults;
  }

  /** Bytes cut anywhere; they may be used again afterwards. */
  write(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += MAX_PARSE_BYTES) {
      this.#take(bytes.subarray(start, start + MAX_PARSE_BYTES));
    }
  }

  /** The program has ended: what it left unfinished is over. */
  end(): void {
    this.catchUp();
    this.#carryOut(this.#alignment.end());
    this.#options.xterm.abandonSequence();
    this.#pending.restart(true);
  }

  /** The emulator's own text, behind what the program wrote. */
  writeNow(text: string): void {
    this.catchUp();
    this.#carryOut(text);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#pending.take();
  }

  #take(bytes: Uint8Array): void {
    let rest = bytes;
    if (this.#alignment.isAligned) {
      const count = this.#add(bytes, false);
      if (count === bytes.length) return;
      if (count > 0) rest = bytes.subarray(count);
    }
    const whole = this.#alignment.push(rest);
    // U+009B and others may be controls, where they are allowed: then nothing beyond ASCII is known to be text.
    const isText = typeof whole !== 'string' && !this.#options.eightBitControls;
    if (!isText || whole.length > MAX_SMALL_BYTES) return this.#carryOutNow(whole);
    const count = this.#add(whole, true);
    if (count < whole.length) this.#carryOutNow(whole.subarray(count));
  }

  #add(bytes: Uint8Array, wholeUtf8: boolean): number {
    if (this.#pending.length + bytes.length > MAX_PENDING_BYTES) this.#makeRoom();
    const count = this.#pending.add(bytes, wholeUtf8);
    if (count > 0) this.#timer ??= setTimeout(() => this.#frameIsOver(), CATCH_UP_MS).unref();
    return count;
  }

  /** Looks once more when nothing waits any longer, to give back what it waited in. */
  #frameIsOver(): void {
    this.#timer = undefined;
    if (this.#pending.length === 0) return this.#pending.release();
    this.catchUp();
    this.#timer = setTimeout(() => this.#frameIsOver(), CATCH_UP_MS).unref();
  }

  #makeRoom(): void {
    this.#dropLostLines();
    if (this.#pending.length > MAX_PENDING_BYTES / 2) this.catchUp();
  }

  #dropLostLines(): void {
    const { xterm, onLostRows } = this.#options;
    const { bytes, lineFeeds } = this.#pending;
    const kept = xterm.rows + xterm.historyLines + xterm.rows;
    if (lineFeeds <= kept + 1 || !xterm.scrollsFreely) return;
    const left = dropLostLines(bytes, lineFeeds, kept, xterm.columns);
    this.#pending.shorten(left.length, left.lineFeeds);
    onLostRows(left.lostRows);
  }

  /** Carries out what waits. */
  catchUp(): void {
    if (this.#pending.length === 0) return;
    this.#dropLostLines();
    const { bytes } = this.#pending;
    const { faults } = this;
    this.#pending.take();
    for (let start = 0; start < bytes.length;) {
      const end = endOfPiece(bytes, start);
      this.#carryOut(bytes.subarray(start, end));
      start = end;
    }
    if (this.#faults !== faults) this.#pending.restart(this.#options.xterm.isBetweenSequences);
  }

  #carryOutNow(data: Uint8Array | string): void {
    this.catchUp();
    this.#carryOut(data);
    this.#pending.restart(this.#options.xterm.isBetweenSequences);
  }

  /**
   * Should the emulator fail at some sequence, the rest of the piece is lost, and the program goes on from there: no agent's
   * output may end the process that shows the others. None is known that does this.
   */
  #carryOut(data: Uint8Array | string): void {
    try {
      this.#options.xterm.parse(data);
    } catch {
      this.#faults += 1;
      this.#options.xterm.abandonSequence();
    }
  }
}

/** The end of a piece that can be parsed at once: not inside a character. */
function endOfPiece(bytes: Uint8Array, start: number): number {
  let end = start + MAX_PARSE_BYTES;
  while (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return Math.min(end, bytes.length);
}
