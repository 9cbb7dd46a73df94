/** The headers of a NUT stream, read from bytes: see nut-format.ts. */
import { FrameFlag, type NutStream, STREAM_CLASSES } from './nut-format.js';
import type { Rational } from './rational.js';

/** More than ffmpeg ever makes for us; a stream of bytes that claims more is none. */
const MAX_STREAMS = 16;
const MAX_EXTRA_BYTES = 1 << 20;
const MAX_VARINT_BYTES = 8;

/** The bytes are no NUT. The message is what is wrong with them; who reads knows whose they are. */
export class NutError extends Error {
  override readonly name = 'NutError';
}

/** Reads forward. Beyond the end it gives zeros and sets {@link short}: more bytes may follow. */
export class NutCursor {
  short = false;
  at: number;
  readonly bytes: Uint8Array;
  readonly end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  byte(): number {
    if (this.at >= this.end) {
      this.short = true;
      return 0;
    }
    this.at += 1;
    return this.bytes[this.at - 1] as number;
  }

  unsigned(): number {
    let value = 0;
    for (let index = 0; ; index += 1) {
      const byte = this.byte();
      value = value * 128 + (byte & 0x7f);
      if ((byte & 0x80) === 0) break;
      if (index === MAX_VARINT_BYTES) throw new NutError('a number without an end');
    }
    if (value > Number.MAX_SAFE_INTEGER) throw new NutError('a number beyond 2^53');
    return value;
  }

  signed(): number {
    const value = this.unsigned() + 1;
    return value % 2 === 1 ? -(value - 1) / 2 : value / 2;
  }

  /** A run of bytes behind its length, of its own memory. */
  run(maxBytes: number): Uint8Array {
    const length = this.unsigned();
    if (length > maxBytes) throw new NutError(`a run of ${length} bytes in a header`);
    return this.take(length);
  }

  take(length: number): Uint8Array {
    if (this.at + length > this.end) {
      this.short = true;
      return new Uint8Array(0);
    }
    this.at += length;
    return this.bytes.slice(this.at - length, this.at);
  }
}

/** What a frame code stands for. */
export interface FrameCode {
  readonly flags: number;
  readonly stream: number;
  readonly sizeMultiplier: number;
  readonly sizeLow: number;
  readonly ptsDelta: number;
  readonly reserved: number;
  readonly headerIndex: number;
}

export interface MainHeader {
  readonly streams: number;
  readonly timeBases: readonly Rational[];
  readonly codes: readonly FrameCode[];
  /** Bytes that frames leave out at their start. */
  readonly elided: readonly Uint8Array[];
}

export function readMainHeader(cursor: NutCursor): MainHeader {
  const version = cursor.unsigned();
  if (version !== 3) throw new NutError(`version ${version}`);
  const streams = cursor.unsigned();
  if (streams < 1 || streams > MAX_STREAMS) throw new NutError(`${streams} streams`);
  cursor.unsigned();
  const bases = cursor.unsigned();
  if (bases < 1 || bases > MAX_STREAMS) throw new NutError(`${bases} time bases`);
  const timeBases: Rational[] = [];
  for (let index = 0; index < bases; index += 1) {
    const [numerator, denominator] = [cursor.unsigned(), cursor.unsigned()];
    if (numerator < 1 || denominator < 1) throw new NutError('a time base of 0');
    timeBases.push({ numerator, denominator });
  }
  const codes = readCodes(cursor);
  const elided: Uint8Array[] = [new Uint8Array(0)];
  // The last fields may be absent.
  if (cursor.at < cursor.end) {
    const more = cursor.unsigned();
    if (more > 127) throw new NutError(`${more} elision headers`);
    for (let index = 0; index < more; index += 1) elided.push(cursor.run(256));
  }
  if (cursor.short) throw new NutError('a main header that is cut off');
  return { streams, timeBases, codes, elided };
}

/** Runs of codes whose low size counts up; 'N' begins a packet and is never a code. */
function readCodes(cursor: NutCursor): readonly FrameCode[] {
  const codes: FrameCode[] = [];
  const invalid = { flags: FrameFlag.invalid, stream: 0, sizeMultiplier: 1, sizeLow: 0 };
  let [ptsDelta, sizeMultiplier, stream, headerIndex] = [0, 1, 0, 0];
  while (codes.length < 256) {
    const flags = cursor.unsigned();
    const fields = cursor.unsigned();
    if (fields > 0) ptsDelta = cursor.signed();
    if (fields > 1) sizeMultiplier = cursor.unsigned();
    if (fields > 2) stream = cursor.unsigned();
    const sizeLow = fields > 3 ? cursor.unsigned() : 0;
    const reserved = fields > 4 ? cursor.unsigned() : 0;
    const count = fields > 5 ? cursor.unsigned() : sizeMultiplier - sizeLow;
    if (fields > 6) cursor.signed();
    if (fields > 7) headerIndex = cursor.unsigned();
    for (let field = 8; field < fields && !cursor.short; field += 1) cursor.unsigned();
    if (count < 1 || codes.length + count > 256 || cursor.short) throw new NutError('frame codes');
    for (let index = 0; index < count; index += 1) {
      if (codes.length === 0x4e) {
        codes.push({ ...invalid, ptsDelta: 0, reserved: 0, headerIndex: 0 });
      }
      const low = sizeLow + index;
      codes.push({ flags, stream, sizeMultiplier, sizeLow: low, ptsDelta, reserved, headerIndex });
    }
  }
  return codes;
}

/** A stream and how many low bits of a time frames may carry instead of all. */
export function readStreamHeader(
  cursor: NutCursor,
  timeBases: readonly Rational[],
): { readonly stream: NutStream; readonly ptsShift: number } {
  const id = cursor.unsigned();
  const kind = STREAM_CLASSES[cursor.unsigned()];
  const fourcc = cursor.run(4);
  const timeBase = timeBases[cursor.unsigned()];
  const ptsShift = cursor.unsigned();
  cursor.unsigned();
  const decodeDelay = cursor.unsigned();
  cursor.unsigned();
  const extra = cursor.run(MAX_EXTRA_BYTES);
  const [first, second] = [cursor.unsigned(), cursor.unsigned()];
  const third = cursor.unsigned();
  if (kind === undefined || timeBase === undefined || id >= MAX_STREAMS || ptsShift > 16) {
    throw new NutError('a stream header');
  }
  const isVideo = kind === 'video';
  const isAudio = kind === 'audio';
  const stream: NutStream = Object.freeze({
    id,
    class: kind,
    fourcc,
    timeBase,
    decodeDelay,
    extra,
    width: isVideo ? first : 0,
    height: isVideo ? second : 0,
    sampleRateHz: isAudio ? Math.round(first / Math.max(1, second)) : 0,
    channels: isAudio ? third : 0,
  });
  return { stream, ptsShift };
}
