/**
 * Frames of the handshake socket.
 *
 *     0        4         6      8        12         16
 *     +--------+---------+------+--------+----------+--------------- - -
 *     | magic  | version | type | length | reserved | body
 *     | u32    | u16     | u16  | u32    | u32 = 0  | length bytes of JSON, UTF-8
 *     +--------+---------+------+--------+----------+--------------- - -
 *
 * Little-endian. The body has at most 65536 bytes; none at all stands for `null`. Descriptors travel with the first
 * byte of their frame, and that frame is sent by a call of its own: so the frame that contains the last byte of what
 * one `recvmsg` returned is the one its descriptors belong to.
 */
import { SluiceError } from '../core/errors.js';

/** `SLUC` read as a little-endian word. */
export const FRAME_MAGIC = 0x43554c53;
export const PROTOCOL_VERSION = 1;
export const FRAME_HEADER_BYTES = 16;
export const MAX_BODY_BYTES = 65536;
export const MAX_FRAME_BYTES = FRAME_HEADER_BYTES + MAX_BODY_BYTES;

/** How deep the arrays and objects of a body may nest; a manifest inside a `WELCOME` needs ten. */
export const MAX_BODY_DEPTH = 16;

/** The types of frames, as they stand in the header. */
export const FrameType = Object.freeze({
  HELLO: 1,
  WELCOME: 2,
  EPOCH: 3,
  ACK: 4,
  WAKE: 5,
  BYE: 6,
  ERROR: 7,
  STATS: 8,
} as const);
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

const MAX_TYPE = 8;

const TYPE_NAMES = ['', 'HELLO', 'WELCOME', 'EPOCH', 'ACK', 'WAKE', 'BYE', 'ERROR', 'STATS'];

/** The name of a frame type for a message. */
export function frameTypeName(type: FrameType): string {
  return TYPE_NAMES[type] ?? `type ${type}`;
}

/** The text codecs of every runtime (WHATWG Encoding): not part of the language's own library types. */
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A whole frame as bytes. Without a body its length is 0.
 * Throws `RangeError` when the body takes more than 65536 bytes, `TypeError` when it is no JSON.
 */
export function encodeFrame(type: FrameType, body?: unknown): Uint8Array {
  const text = body === undefined || body === null ? '' : JSON.stringify(body);
  const bytes = encoder.encode(text);
  if (bytes.length > MAX_BODY_BYTES) {
    throw new RangeError(
      `the body of ${frameTypeName(type)} has ${bytes.length} bytes, ` +
        `a frame holds at most ${MAX_BODY_BYTES}`,
    );
  }
  const frame = new Uint8Array(FRAME_HEADER_BYTES + bytes.length);
  const header = new DataView(frame.buffer);
  header.setUint32(0, FRAME_MAGIC, true);
  header.setUint16(4, PROTOCOL_VERSION, true);
  header.setUint16(6, type, true);
  header.setUint32(8, bytes.length, true);
  frame.set(bytes, FRAME_HEADER_BYTES);
  return frame;
}

/** The JSON value of a body. Throws PROTOCOL for anything but UTF-8, JSON and bounded nesting. */
export function decodeBody(type: FrameType, bytes: Uint8Array): unknown {
  if (bytes.length === 0) return null;
  const name = frameTypeName(type);
  if (nestingDepth(bytes) > MAX_BODY_DEPTH) {
    throw new SluiceError('PROTOCOL', `the body of ${name} nests deeper than ${MAX_BODY_DEPTH}`);
  }
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new SluiceError('PROTOCOL', `the body of ${name} is not UTF-8`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message quotes the foreign text: it is left out.
    throw new SluiceError('PROTOCOL', `the body of ${name} is not JSON`);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The deepest nesting of brackets outside strings. Works on bytes: all of JSON's own signs are ASCII. */
export function nestingDepth(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (inString) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) {
      inString = true;
    } else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (byte === 0x5d || byte === 0x7d) {
      depth -= 1;
    }
  }
  return deepest;
}

/**
 * Takes one complete frame. `body` is valid inside the call only. `endsInput` tells that the frame contains the last
 * byte of the input: what came beside these bytes (descriptors) belongs to it. Returning false stops the reader.
 */
export type FrameSink = (type: FrameType, body: Uint8Array, endsInput: boolean) => boolean;

const EMPTY = new Uint8Array(0);

/**
 * Cuts a byte stream into frames. Holds at most one partial frame (16 + 65536 bytes), so its memory is bounded
 * whatever the peer sends. Not usable again after it threw.
 */
export class FrameReader {
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #type: FrameType = FrameType.WAKE;
  #body = EMPTY;
  #bodyBytes = 0;

  /** Whether a frame has begun and is not complete. */
  get partial(): boolean {
    return this.#headerBytes > 0;
  }

  /**
   * Reads `input` from `start` to `end` and gives each complete frame to `sink`.
   * Returns the offset after the last byte used: `end`, or less when the sink returned false.
   * Throws PROTOCOL at the first header that is none; frames before it were given to the sink.
   */
  push(input: Uint8Array, start: number, end: number, sink: FrameSink): number {
    let offset = start;
    while (offset < end) {
      if (this.#headerBytes < FRAME_HEADER_BYTES) {
        offset = this.#takeHeader(input, offset, end);
        if (this.#headerBytes < FRAME_HEADER_BYTES) break;
      }
      const wanted = this.#body.length - this.#bodyBytes;
      const taken = Math.min(wanted, end - offset);
      this.#body.set(input.subarray(offset, offset + taken), this.#bodyBytes);
      this.#bodyBytes += taken;
      offset += taken;
      if (taken < wanted) break;
      const body = this.#body;
      this.#body = EMPTY;
      this.#bodyBytes = 0;
      this.#headerBytes = 0;
      if (!sink(this.#type, body, offset === end)) break;
    }
    return offset;
  }

  #takeHeader(input: Uint8Array, start: number, end: number): number {
    const taken = Math.min(FRAME_HEADER_BYTES - this.#headerBytes, end - start);
    for (let index = 0; index < taken; index += 1) {
      this.#header[this.#headerBytes + index] = input[start + index] ?? 0;
    }
    this.#headerBytes += taken;
    if (this.#headerBytes === FRAME_HEADER_BYTES) {
      const { type, length } = parseHeader(this.#header);
      this.#type = type;
      this.#body = length === 0 ? EMPTY : new Uint8Array(length);
    }
    return start + taken;
  }
}

/** Reads and checks one header. Throws PROTOCOL. */
function parseHeader(bytes: Uint8Array): { type: FrameType; length: number } {
  const header = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER_BYTES);
  const magic = header.getUint32(0, true);
  if (magic !== FRAME_MAGIC) {
    throw refusal('magic', magic, `0x${FRAME_MAGIC.toString(16)}`, `0x${magic.toString(16)}`);
  }
  const version = header.getUint16(4, true);
  if (version !== PROTOCOL_VERSION) throw refusal('version', version, `${PROTOCOL_VERSION}`);
  const type = header.getUint16(6, true);
  if (type < 1 || type > MAX_TYPE) throw refusal('type', type, `1 to ${MAX_TYPE}`);
  const length = header.getUint32(8, true);
  if (length > MAX_BODY_BYTES) throw refusal('length', length, `at most ${MAX_BODY_BYTES}`);
  if (type === FrameType.WAKE && length !== 0) throw refusal('length of WAKE', length, '0');
  const reserved = header.getUint32(12, true);
  if (reserved !== 0) throw refusal('reserved word', reserved, '0');
  return { type: type as FrameType, length };
}

function refusal(field: string, found: number, needed: string, shown = `${found}`): SluiceError {
  return new SluiceError('PROTOCOL', `frame header: ${field} is ${shown}, needed is ${needed}`, {
    details: { field, found, needed },
  });
}
