/**
 * What travels on the socket of a session, in both directions: little-endian, a header of 16 bytes and a body.
 *
 * ```
 *  0 u32 magic "SLAG" | 4 u16 version 1 | 6 u16 type | 8 u32 request | 12 u32 byte length of the body, at most 1 MiB
 * ```
 *
 * A client numbers its requests; what answers one bears its number. REQUEST, REPLY, ERROR and EVENT are JSON; DATA (a
 * piece of a log, a frame for a viewer's terminal) and INPUT (what came from that terminal) are bytes as they are. JSON
 * that is longer than a body comes in PARTs right before the frame that has its end.
 */
import { SluiceError } from '../../core/index.js';

export const CONTROL = {
  request: 1,
  /** The end of a request that went well. */
  reply: 2,
  /** The end of one that did not. */
  error: 3,
  data: 4,
  input: 5,
  event: 6,
  part: 7,
} as const;

export type ControlType = (typeof CONTROL)[keyof typeof CONTROL];

export interface ControlFrame {
  readonly type: ControlType;
  readonly request: number;
  /** A view, valid during the call that gives it. */
  readonly body: Uint8Array;
}

const MAGIC = 0x4741_4c53;
const VERSION = 1;
const HEADER_BYTES = 16;
export const MAX_BODY_BYTES = 1 << 20;
/** Of one JSON value, in all its parts. */
export const MAX_JSON_BYTES = 8 << 20;

export function encodeControlFrame(type: ControlType, request: number, body: Uint8Array): Buffer {
  if (body.byteLength > MAX_BODY_BYTES) {
    throw new RangeError(
      `a body of ${body.byteLength} bytes, at most ${MAX_BODY_BYTES} travel at once`,
    );
  }
  const frame = Buffer.alloc(HEADER_BYTES + body.byteLength);
  frame.writeUInt32LE(MAGIC, 0);
  frame.writeUInt16LE(VERSION, 4);
  frame.writeUInt16LE(type, 6);
  frame.writeUInt32LE(request, 8);
  frame.writeUInt32LE(body.byteLength, 12);
  frame.set(body, HEADER_BYTES);
  return frame;
}

/** One frame, or parts and a frame, to be sent without another frame in between. */
export function encodeControlJson(type: ControlType, request: number, value: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(value));
  if (json.byteLength > MAX_JSON_BYTES) {
    const most = `at most ${MAX_JSON_BYTES} travel between a session and its clients`;
    throw new RangeError(`${json.byteLength} bytes of JSON: ${most}; ask for less at once`);
  }
  const frames: Buffer[] = [];
  let at = 0;
  for (; json.byteLength - at > MAX_BODY_BYTES; at += MAX_BODY_BYTES) {
    frames.push(encodeControlFrame(CONTROL.part, request, json.subarray(at, at + MAX_BODY_BYTES)));
  }
  return Buffer.concat([...frames, encodeControlFrame(type, request, json.subarray(at))]);
}

/** The JSON of a body: an object without a prototype. Throws `PROTOCOL`. */
export function controlJson(body: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    throw new SluiceError('PROTOCOL', 'a frame on the socket of a session is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SluiceError('PROTOCOL', 'a frame on the socket of a session is no JSON object');
  }
  return Object.assign(Object.create(null) as Record<string, unknown>, value);
}

/** Puts frames together from pieces cut anywhere. */
export class ControlFrames {
  #rest: Buffer = Buffer.alloc(0);
  /** Of one value, whose end is yet to come. */
  #parts: Buffer[] = [];
  #partsRequest = 0;

  /** Throws `PROTOCOL` for what is no frame; nothing may be pushed after that. */
  push(bytes: Uint8Array, take: (frame: ControlFrame) => void): void {
    let buffer =
      this.#rest.byteLength === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    while (buffer.byteLength >= HEADER_BYTES) {
      const length = buffer.readUInt32LE(12);
      const type = buffer.readUInt16LE(6);
      const isFrame = buffer.readUInt32LE(0) === MAGIC && type >= 1 && type <= CONTROL.part;
      if (!isFrame || buffer.readUInt16LE(4) !== VERSION || length > MAX_BODY_BYTES) {
        throw new SluiceError('PROTOCOL', 'what came on the socket of a session is no frame of it');
      }
      if (buffer.byteLength < HEADER_BYTES + length) break;
      const body = buffer.subarray(HEADER_BYTES, HEADER_BYTES + length);
      const request = buffer.readUInt32LE(8);
      buffer = buffer.subarray(HEADER_BYTES + length);
      this.#assertContinues(type, request);
      if (type === CONTROL.part) this.#keepPart(request, body);
      else take({ type: type as ControlType, request, body: this.#whole(body) });
    }
    this.#rest = Buffer.from(buffer);
  }

  #assertContinues(type: number, request: number): void {
    if (this.#parts.length === 0) return;
    const isBytes = type === CONTROL.data || type === CONTROL.input;
    if (isBytes || request !== this.#partsRequest) {
      throw new SluiceError('PROTOCOL', 'another frame came before the end of a JSON value');
    }
  }

  #keepPart(request: number, body: Buffer): void {
    this.#partsRequest = request;
    if (this.#parts.length === MAX_JSON_BYTES / MAX_BODY_BYTES) {
      throw new SluiceError('PROTOCOL', `more than ${MAX_JSON_BYTES} bytes of JSON in one value`);
    }
    this.#parts.push(Buffer.from(body));
  }

  #whole(body: Buffer): Buffer {
    return this.#parts.length === 0 ? body : Buffer.concat([...this.#parts.splice(0), body]);
  }
}
