/**
 * Batches of messages as the kernels of kernels/ring.cu take them: the structures of kernels/ring-layout.h, packed.
 * Nothing is allocated a message: contexts go from one typed array into another.
 */
import { highWord, lowWord, SluiceError } from '../../core/index.js';
import { SLOT_PAYLOAD_BYTES, slotsOfMessage } from '../../layout/index.js';

/** Word offsets in `struct Batch`; 64-bit values take two, the low one first. */
export const BatchWord = Object.freeze({
  ring: 0,
  state: 2,
  result: 4,
  contexts: 6,
  plan: 8,
  arena: 10,
  styles: 12,
  arenaBytes: 14,
  head: 16,
  published: 18,
  bytes: 20,
  fresh: 22,
  count: 23,
  mask: 24,
  recordsOffset: 25,
  maxBytes: 26,
  number: 27,
  units: 28,
  last: 29,
});
export const BATCH_BYTES = 120;

/** Byte offsets in `struct Result`. */
export const ResultByte = Object.freeze({
  head: 0,
  newestStart: 24,
  units: 28,
  clamped: 32,
  number: 36,
});
export const RESULT_BYTES = 64;

/** Bytes of `struct State`, all zero at first. */
export const STATE_BYTES = 48;

/** Words of `struct Context`: offset, byteLength, type, slot. */
export const CONTEXT_WORDS = 4;
export const CONTEXT_BYTES = CONTEXT_WORDS * 4;

/** Messages whose contexts travel in the parameters of a launch, and the most slots that one block should write. */
export const SMALL_MESSAGES = 64;
export const SMALL_SLOTS = 256;

/** Slots that a block of `BLOCK_THREADS` threads writes; threads of the block that plans. */
export const SLOTS_PER_BLOCK = 32;
export const BLOCK_THREADS = 512;
export const PLAN_THREADS = 1024;

export const STYLE_BYTES = 32;
export const STYLE_COUNT = 256;
const MAX_PREFIX_BYTES = 16;
const MAX_SUFFIX_BYTES = 8;
const PREFIX_OFFSET_BYTES = 8;
const SUFFIX_OFFSET_BYTES = 24;

/** What a kernel puts around the text of a type, UTF-8: an escape sequence and its end, for example. */
export interface MessageStyle {
  /** At most 16 bytes. */
  readonly prefix?: string;
  /** At most 8 bytes. */
  readonly suffix?: string;
}

/** The table of styles, and how many bytes each type's adds to its messages. */
export interface StyleTable {
  readonly bytes: Uint8Array;
  readonly overheadBytes: Uint8Array;
  /** The largest of them. */
  readonly maxOverheadBytes: number;
}

/** Throws `RangeError` for a type that is none and for what is too long, `TypeError` for what is no text. */
export function packStyles(styles: Readonly<Record<number, MessageStyle>>): StyleTable {
  const bytes = new Uint8Array(STYLE_COUNT * STYLE_BYTES);
  const overheadBytes = new Uint8Array(STYLE_COUNT);
  for (const [key, { prefix = '', suffix = '' }] of Object.entries(styles)) {
    const type = Number(key);
    if (!Number.isInteger(type) || type < 0 || type >= STYLE_COUNT) {
      throw new RangeError(`styles are of types 0 to ${STYLE_COUNT - 1}, got '${key}'`);
    }
    const before = encodePart(`styles[${type}].prefix`, prefix, MAX_PREFIX_BYTES);
    const after = encodePart(`styles[${type}].suffix`, suffix, MAX_SUFFIX_BYTES);
    const at = type * STYLE_BYTES;
    bytes[at] = before.length;
    bytes[at + 1] = after.length;
    bytes.set(before, at + PREFIX_OFFSET_BYTES);
    bytes.set(after, at + SUFFIX_OFFSET_BYTES);
    overheadBytes[type] = before.length + after.length;
  }
  return { bytes, overheadBytes, maxOverheadBytes: Math.max(...overheadBytes) };
}

function encodePart(name: string, text: unknown, maxBytes: number): Uint8Array {
  if (typeof text !== 'string') throw new TypeError(`${name} must be a string`);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return bytes;
  throw new RangeError(`${name} has ${bytes.length} bytes of at most ${maxBytes}`);
}

/** A message of a batch: where its text lies in the arena. */
export interface MessageContext {
  /** The application's type, 0 to 255. Default 0. */
  readonly type?: number;
  /** Bytes from the start of the arena. */
  readonly offset: number;
  readonly byteLength: number;
}

/** Contexts as four words each: offset, byteLength, type, 0. `TypeError` for a number that is no whole one. */
export function packContexts(contexts: readonly MessageContext[]): Uint32Array {
  const words = new Uint32Array(contexts.length * CONTEXT_WORDS);
  for (let i = 0; i < contexts.length; i++) {
    const { offset, byteLength, type = 0 } = contexts[i] as MessageContext;
    words[i * CONTEXT_WORDS] = checkedWord(`contexts[${i}].offset`, offset);
    words[i * CONTEXT_WORDS + 1] = checkedWord(`contexts[${i}].byteLength`, byteLength);
    words[i * CONTEXT_WORDS + 2] = checkedWord(`contexts[${i}].type`, type);
  }
  return words;
}

function checkedWord(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw new RangeError(`${name} must be a whole number from 0 to 4294967295, got ${value}`);
}

/** What bounds the messages of a producer. */
export interface BatchLimits {
  readonly channel: string;
  readonly arenaBytes: number;
  /** Of a whole message, with what its style adds. */
  readonly maxMessageBytes: number;
  /** Bytes that the style of a type adds. */
  readonly overheadBytes: Uint8Array;
  /** The largest of them. */
  readonly maxOverheadBytes: number;
  /** Of one launch. */
  readonly maxUnits: number;
  readonly maxMessages: number;
}

/** As many messages of a batch as one launch takes. Reused: see {@link fillPiece}. */
export interface Piece {
  messages: number;
  units: number;
  /** Slots before the last message. */
  last: number;
}

/**
 * Copies contexts from index `from` on into `target` at `at` (an index of contexts too), as many as one launch takes,
 * with their slots. Throws `RangeError` for a context outside the arena or of a type that does not exist, and
 * `MESSAGE_TOO_LARGE`.
 */
export function fillPiece(
  source: Uint32Array,
  from: number,
  limits: BatchLimits,
  piece: Piece,
  target: Uint32Array,
  at: number,
): void {
  const { arenaBytes, overheadBytes, maxMessageBytes, maxUnits } = limits;
  const first = from * CONTEXT_WORDS;
  const end = Math.min(source.length, first + limits.maxMessages * CONTEXT_WORDS);
  let to = at * CONTEXT_WORDS;
  let units = 0;
  let last = 0;
  let read = first;
  for (; read < end; read += CONTEXT_WORDS) {
    // Read once: the array is the caller's, who may write to it in a worker.
    const offset = source[read] as number;
    const textBytes = source[read + 1] as number;
    const type = source[read + 2] as number;
    if (type > 255 || offset + textBytes > arenaBytes)
      refuse(read, offset, textBytes, type, limits);
    const byteLength = textBytes + (overheadBytes[type] as number);
    let needed = 1;
    if (byteLength > SLOT_PAYLOAD_BYTES) {
      if (byteLength > maxMessageBytes) refuseLong(byteLength, limits);
      needed = slotsOfMessage(byteLength);
    }
    if (units + needed > maxUnits) break;
    target[to] = offset;
    target[to + 1] = textBytes;
    target[to + 2] = type;
    target[to + 3] = units;
    last = units;
    units += needed;
    to += CONTEXT_WORDS;
  }
  piece.messages = (read - first) / CONTEXT_WORDS;
  piece.units = units;
  piece.last = last;
}

/** Throws what {@link fillPiece} would throw for any of the contexts. */
export function checkContexts(source: Uint32Array, limits: BatchLimits): void {
  const { arenaBytes, overheadBytes, maxMessageBytes } = limits;
  for (let read = 0; read < source.length; read += CONTEXT_WORDS) {
    const offset = source[read] as number;
    const textBytes = source[read + 1] as number;
    const type = source[read + 2] as number;
    if (type > 255 || offset + textBytes > arenaBytes)
      refuse(read, offset, textBytes, type, limits);
    const byteLength = textBytes + (overheadBytes[type] as number);
    if (byteLength > maxMessageBytes) refuseLong(byteLength, limits);
  }
}

function refuse(
  read: number,
  offset: number,
  textBytes: number,
  type: number,
  { arenaBytes }: BatchLimits,
): never {
  const name = `contexts[${read / CONTEXT_WORDS}]`;
  if (type > 255) throw new RangeError(`${name} has type ${type}; types are 0 to 255`);
  throw new RangeError(
    `${name} ends at byte ${offset + textBytes} of an arena of ${arenaBytes} bytes`,
  );
}

function refuseLong(byteLength: number, { channel, maxMessageBytes }: BatchLimits): never {
  throw new SluiceError(
    'MESSAGE_TOO_LARGE',
    `a message of ${byteLength} bytes for ${channel}; at most ${maxMessageBytes}`,
    {
      details: { byteLength, maxMessageBytes },
      remedy: `Open the publisher with more slots, or send large data as frames.`,
    },
  );
}

/** The parameters of a launch, written again for each: the driver copies them when it is called. */
export class LaunchParameters {
  /** `struct Batch`, and `struct SmallBatch` with contexts behind it. */
  readonly batch: Uint8Array;
  readonly small: Uint8Array;
  readonly words: Uint32Array;

  constructor() {
    this.small = new Uint8Array(BATCH_BYTES + SMALL_MESSAGES * CONTEXT_BYTES);
    this.batch = this.small.subarray(0, BATCH_BYTES);
    this.words = new Uint32Array(this.small.buffer);
  }

  set(word: number, value: number): void {
    this.words[word] = value;
  }

  set64(word: number, value: number): void {
    this.words[word] = lowWord(value);
    this.words[word + 1] = highWord(value);
  }

  /** Contexts that travel along. */
  setContexts(from: Uint32Array, at: number, count: number): void {
    const first = at * CONTEXT_WORDS;
    for (let i = 0; i < count * CONTEXT_WORDS; i++) {
      this.words[BATCH_BYTES / 4 + i] = from[first + i] as number;
    }
  }
}
