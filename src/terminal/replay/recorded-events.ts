import { growArray } from './grow-array.js';

/** Beside the types of TERMINAL_TYPE: another program is in the terminal from here on. */
export const PROGRAM_STARTS = 0;

const FIRST_EVENTS = 64;
const FIRST_BYTES = 4096;
/** What is longer is kept in pieces, so that nobody has to take more at once. */
const MAX_PIECE_BYTES = 64 * 1024;

/**
 * What one terminal did, in order: output and the messages beside it. Millions of small pieces, so they stand in a few
 * arrays and not in objects.
 */
export class RecordedEvents {
  #timesMs = new Float64Array(FIRST_EVENTS);
  #types = new Uint8Array(FIRST_EVENTS);
  /** Where the bytes of each end; they begin where those of the one before end. */
  #ends = new Float64Array(FIRST_EVENTS);
  #bytes = new Uint8Array(FIRST_BYTES);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#count === 0 ? 0 : (this.#ends[this.#count - 1] as number);
  }

  /** The bytes are copied. A time before that of the event before counts as the same: a terminal's order is certain. */
  add(type: number, bytes: Uint8Array, timeMs: number): void {
    let start = 0;
    do {
      const piece = bytes.subarray(start, start + MAX_PIECE_BYTES);
      this.#addPiece(type, piece, timeMs);
      start += MAX_PIECE_BYTES;
    } while (start < bytes.byteLength);
  }

  #addPiece(type: number, bytes: Uint8Array, timeMs: number): void {
    const at = this.#count;
    const start = this.byteLength;
    const end = start + bytes.byteLength;
    if (at === this.#types.length) {
      this.#timesMs = growArray(this.#timesMs, at + 1);
      this.#types = growArray(this.#types, at + 1);
      this.#ends = growArray(this.#ends, at + 1);
    }
    if (end > this.#bytes.length) this.#bytes = growArray(this.#bytes, end);
    this.#bytes.set(bytes, start);
    this.#timesMs[at] = at === 0 ? timeMs : Math.max(timeMs, this.timeMs(at - 1));
    this.#types[at] = type;
    this.#ends[at] = end;
    this.#count += 1;
  }

  /** All times, by so much. */
  shift(ms: number): void {
    for (let at = 0; at < this.#count; at += 1) this.#timesMs[at] = this.timeMs(at) + ms;
  }

  timeMs(index: number): number {
    return this.#timesMs[index] as number;
  }

  type(index: number): number {
    return this.#types[index] as number;
  }

  /** A view, valid until the next `add`. */
  bytes(index: number): Uint8Array {
    const start = index === 0 ? 0 : (this.#ends[index - 1] as number);
    return this.#bytes.subarray(start, this.#ends[index]);
  }
}
