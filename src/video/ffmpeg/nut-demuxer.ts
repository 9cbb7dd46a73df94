/**
 * Takes a NUT stream apart as its bytes come, wherever they come from: `next()` says where the next bytes go,
 * `advance()` that they are there. The data of a frame goes straight to where the sink wants it; only headers, and the
 * little that is read beyond one, go through a buffer.
 */
import type { ByteTarget } from '../../ffi/index.js';
import { FILE_ID, FrameFlag, type NutFrame, type NutStream, START_CODES } from './nut-format.js';
import {
  type MainHeader,
  NutCursor,
  NutError,
  readMainHeader,
  readStreamHeader,
} from './nut-header.js';
import { rescale } from './rational.js';

/** Headers are small; the largest is that of a stream with its parameter sets. */
const MAX_HEADER_BYTES = 2 << 20;
/** A raw picture of 16384 × 16384 in 16 bits. */
const MAX_FRAME_BYTES = 2 ** 31;
const SCRATCH_BYTES = 1 << 18;

export interface NutSink {
  /** All streams, before the first frame. */
  streams(streams: readonly NutStream[]): void;
  /**
   * Where the data of a frame goes: at least `byteLength` long. Undefined: it is passed over. 'later': nothing is read
   * until `supply()` says.
   */
  frame(frame: NutFrame): Uint8Array | undefined | 'later';
  /** All of its data is there. Not called for a frame that is passed over. */
  whole(frame: NutFrame): void;
}

interface StreamState {
  readonly stream: NutStream;
  readonly ptsShift: number;
  lastPts: number;
}

export class NutDemuxer implements ByteTarget {
  readonly #sink: NutSink;
  readonly #readAheadBytes: number;
  readonly #streams: (StreamState | undefined)[] = [];
  #main: MainHeader | undefined;
  #begun = false;
  #announced = false;
  #buffer = new Uint8Array(4096);
  #start = 0;
  #end = 0;
  #frame: NutFrame | undefined;
  #elided: Uint8Array = new Uint8Array(0);
  #target: Uint8Array | undefined;
  #scratch: Uint8Array | undefined;
  #filled = 0;
  #waits = false;

  /** `readAheadBytes`: how much may be read beyond a header; what of it is data is copied. */
  constructor(sink: NutSink, readAheadBytes = 64) {
    this.#sink = sink;
    this.#readAheadBytes = readAheadBytes;
  }

  /** Nothing may be read now: the sink has said 'later'. */
  get waits(): boolean {
    return this.#waits;
  }

  /** Bytes of the current frame that are still to come. */
  get bytesToCome(): number {
    return this.#frame === undefined ? 0 : this.#frame.byteLength - this.#filled;
  }

  /** Whether the stream may end here without anything being cut off. */
  get isBetweenFrames(): boolean {
    return this.#frame === undefined && this.#start === this.#end;
  }

  /** Where the next bytes go. Valid until `advance()`. */
  next(): Uint8Array {
    if (this.#frame !== undefined) {
      const left = this.#frame.byteLength - this.#filled;
      if (this.#target !== undefined) {
        return this.#target.subarray(this.#filled, this.#filled + left);
      }
      this.#scratch ??= new Uint8Array(SCRATCH_BYTES);
      return this.#scratch.subarray(0, Math.min(left, SCRATCH_BYTES));
    }
    this.#makeRoom();
    return this.#buffer.subarray(this.#end, this.#end + this.#readAheadBytes);
  }

  /** `byteLength` bytes of `next()` are there. Throws {@link NutError}. */
  advance(byteLength: number): void {
    if (this.#frame === undefined) this.#end += byteLength;
    else this.#filled += byteLength;
    this.#goOn();
  }

  /** Answers a 'later'; undefined: the frame is passed over. */
  supply(target: Uint8Array | undefined): void {
    this.#waits = false;
    this.#take(target);
    this.#goOn();
  }

  #goOn(): void {
    while (!this.#waits) {
      if (this.#frame === undefined) {
        if (!this.#parse()) return;
        continue;
      }
      if (this.#filled < this.#frame.byteLength) return;
      const [frame, target] = [this.#frame, this.#target];
      this.#frame = undefined;
      this.#target = undefined;
      if (target !== undefined) this.#sink.whole(frame);
    }
  }

  #makeRoom(): void {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#end + this.#readAheadBytes <= this.#buffer.length) return;
    const kept = this.#end - this.#start;
    const needed = kept + this.#readAheadBytes;
    if (needed > MAX_HEADER_BYTES + this.#readAheadBytes)
      throw new NutError('a header without an end');
    const larger = new Uint8Array(Math.max(needed * 2, this.#buffer.length));
    larger.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = larger;
    this.#start = 0;
    this.#end = kept;
  }

  /** One packet or the header of one frame; false when it is not all there. */
  #parse(): boolean {
    const cursor = new NutCursor(this.#buffer, this.#start, this.#end);
    if (!this.#begun) return this.#parseFileId(cursor);
    const code = cursor.byte();
    if (cursor.short) return false;
    if (code === 0x4e) return this.#parsePacket(cursor);
    return this.#parseFrame(cursor, code);
  }

  #parseFileId(cursor: NutCursor): boolean {
    const id = cursor.take(FILE_ID.length);
    if (cursor.short) return false;
    if (!FILE_ID.equals(id)) throw new NutError('it begins otherwise');
    this.#begun = true;
    this.#start = cursor.at;
    return true;
  }

  #parsePacket(cursor: NutCursor): boolean {
    let startCode = 0x4en;
    for (let index = 1; index < 8; index += 1) startCode = startCode * 256n + BigInt(cursor.byte());
    const forward = cursor.unsigned();
    if (cursor.short) return false;
    if (forward > MAX_HEADER_BYTES) throw new NutError(`a header of ${forward} bytes`);
    if (forward > 4096) cursor.take(4);
    const contentEnd = cursor.at + forward - 4;
    if (contentEnd + 4 > this.#end) return false;
    const content = new NutCursor(this.#buffer, cursor.at, Math.max(cursor.at, contentEnd));
    this.#start = contentEnd + 4;
    if (startCode === START_CODES.main) this.#main = readMainHeader(content);
    else if (startCode === START_CODES.stream) this.#addStream(content);
    else if (startCode === START_CODES.syncpoint) this.#synchronise(content);
    else if (startCode !== START_CODES.info && startCode !== START_CODES.index) {
      throw new NutError('a packet of an unknown kind');
    }
    return true;
  }

  #addStream(cursor: NutCursor): void {
    if (this.#main === undefined) throw new NutError('a stream before the main header');
    const { stream, ptsShift } = readStreamHeader(cursor, this.#main.timeBases);
    this.#streams[stream.id] ??= { stream, ptsShift, lastPts: 0 };
  }

  /** Times of frames count from the last one; a syncpoint states it anew. */
  #synchronise(cursor: NutCursor): void {
    const { timeBases } = this.#main ?? { timeBases: [] };
    const coded = cursor.unsigned();
    const timeBase = timeBases[coded % Math.max(1, timeBases.length)];
    if (timeBase === undefined) throw new NutError('a syncpoint before the main header');
    const pts = Math.floor(coded / timeBases.length);
    for (const state of this.#streams) {
      if (state === undefined) continue;
      const { timeBase: own } = state.stream;
      let last = rescale(pts, timeBase, own);
      // Rounded down, and not to the nearest.
      if (rescale(last, own, timeBase) > pts) last -= 1;
      state.lastPts = last;
    }
  }

  #parseFrame(cursor: NutCursor, byte: number): boolean {
    if (this.#main === undefined) throw new NutError('a frame before the main header');
    const code = this.#main.codes[byte]!;
    let { flags } = code;
    if ((flags & FrameFlag.coded) !== 0) flags ^= cursor.unsigned();
    const id = (flags & FrameFlag.streamId) !== 0 ? cursor.unsigned() : code.stream;
    const coded = (flags & FrameFlag.codedPts) !== 0 ? cursor.unsigned() : undefined;
    let size = code.sizeLow;
    if ((flags & FrameFlag.sizeMsb) !== 0) size += code.sizeMultiplier * cursor.unsigned();
    if ((flags & FrameFlag.matchTime) !== 0) cursor.signed();
    let header = (flags & FrameFlag.headerIndex) !== 0 ? cursor.unsigned() : code.headerIndex;
    let reserved = code.reserved;
    if ((flags & FrameFlag.reserved) !== 0) reserved = cursor.unsigned();
    if (reserved > 16) throw new NutError(`${reserved} reserved fields`);
    for (let index = 0; index < reserved; index += 1) cursor.unsigned();
    if ((flags & FrameFlag.checksum) !== 0) cursor.take(4);
    if (cursor.short) return false;
    const state = this.#streams[id];
    if ((flags & (FrameFlag.invalid | FrameFlag.sideData)) !== 0 || state === undefined) {
      throw new NutError(`a frame with code ${byte}, flags ${flags}, of stream ${id}`);
    }
    if (size > MAX_FRAME_BYTES) throw new NutError(`a frame of ${size} bytes`);
    if (size > 4096) header = 0;
    this.#elided = this.#main.elided[header] ?? this.#elided.subarray(0, 0);
    if (this.#elided.length > size) throw new NutError('a frame shorter than what it leaves out');
    state.lastPts = coded === undefined ? state.lastPts + code.ptsDelta : ptsOf(state, coded);
    this.#start = cursor.at;
    const keyFrame = (flags & FrameFlag.key) !== 0;
    this.#begin({ stream: state.stream, pts: state.lastPts, keyFrame, byteLength: size });
    return true;
  }

  #begin(frame: NutFrame): void {
    if (!this.#announced) {
      this.#announced = true;
      this.#sink.streams(this.#streams.flatMap((state) => (state ? [state.stream] : [])));
    }
    this.#frame = frame;
    this.#filled = 0;
    const target = this.#sink.frame(frame);
    this.#waits = target === 'later';
    if (target !== 'later') this.#take(target);
  }

  /** What was read beyond the header is data, and so is what the header left out. */
  #take(target: Uint8Array | undefined): void {
    const { byteLength } = this.#frame as NutFrame;
    this.#target = target;
    target?.set(this.#elided);
    const elided = this.#elided.length;
    const ahead = Math.min(this.#end - this.#start, byteLength - elided);
    target?.set(this.#buffer.subarray(this.#start, this.#start + ahead), elided);
    this.#start += ahead;
    this.#filled = elided + ahead;
  }
}

/** A time of which frames carry the low bits only is the one nearest to the last. */
function ptsOf({ ptsShift, lastPts }: StreamState, coded: number): number {
  const range = 2 ** ptsShift;
  if (coded >= range) return coded - range;
  const base = lastPts - Math.floor((range - 1) / 2);
  return base + ((((coded - base) % range) + range) % range);
}
