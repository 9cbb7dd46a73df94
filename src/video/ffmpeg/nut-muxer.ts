/** Packets as a NUT stream of one stream: what the decoders read. See nut-format.ts. */
import {
  crc32,
  FILE_ID,
  FrameFlag,
  type NutStream,
  START_CODES,
  STREAM_CLASSES,
} from './nut-format.js';

/** The one frame code in use: everything is stated in the frame. */
const CODE = 0;
/** Times below 2^7 beyond a multiple could be shortened; they are all written in full. */
const PTS_SHIFT = 7;
const MAX_DISTANCE = 32768;
const CHECKSUM_BYTES = 4;
/** Five numbers of up to 8 bytes, three of one, a start code and two checksums. */
const MAX_FRAME_HEADER_BYTES = 64;
const SYNCPOINT = startCodeBytes(START_CODES.syncpoint);

/** The bytes before the first frame. */
export function nutHeader(stream: Omit<NutStream, 'id'>): Uint8Array {
  const { numerator, denominator } = stream.timeBase;
  const main = [
    ...varint(3),
    ...varint(1),
    ...varint(MAX_DISTANCE),
    ...varint(1),
    ...varint(numerator),
    ...varint(denominator),
    // One code, then 254 that are invalid: with 'N' there are 256. Six fields each, the last the count.
    ...codes(FrameFlag.coded, 1),
    ...codes(FrameFlag.invalid, 254),
    ...varint(0),
    ...varint(0),
  ];
  const isVideo = stream.class === 'video';
  const own = isVideo
    ? [stream.width, stream.height, 0, 0, 0]
    : [stream.sampleRateHz, 1, stream.channels];
  const header = Buffer.concat([
    Buffer.from([0, ...varint(STREAM_CLASSES.indexOf(stream.class))]),
    Buffer.from(varint(stream.fourcc.length)),
    stream.fourcc,
    Buffer.from([
      ...varint(0),
      ...varint(PTS_SHIFT),
      ...varint(2 ** 30),
      ...varint(stream.decodeDelay),
      ...varint(0),
      ...varint(stream.extra.length),
    ]),
    stream.extra,
    Buffer.from(own.flatMap(varint)),
  ]);
  return Buffer.concat([
    FILE_ID,
    packet(START_CODES.main, Buffer.from(main)),
    packet(START_CODES.stream, header),
  ]);
}

/** What stands before the data of a frame: a syncpoint, since readers insist on them, and the header. `pts` ≥ 0. */
export function nutFrameHeader(pts: number, keyFrame: boolean, byteLength: number): Uint8Array {
  const flags =
    FrameFlag.codedPts | FrameFlag.sizeMsb | FrameFlag.checksum | (keyFrame ? FrameFlag.key : 0);
  const bytes = Buffer.allocUnsafe(MAX_FRAME_HEADER_BYTES);
  const ptsBytes = varintLength(pts);
  let at = SYNCPOINT.copy(bytes);
  // Behind it: the time, the distance to the syncpoint before, 0, and the checksum of both.
  at = putVarint(bytes, at, ptsBytes + 1 + CHECKSUM_BYTES);
  at = putVarint(bytes, at, pts);
  at = putVarint(bytes, at, 0);
  at = bytes.writeUInt32BE(crc32(bytes.subarray(at - ptsBytes - 1, at)), at);
  const frameAt = at;
  at = putVarint(bytes, at, CODE);
  at = putVarint(bytes, at, flags);
  at = putVarint(bytes, at, pts + 2 ** PTS_SHIFT);
  at = putVarint(bytes, at, byteLength);
  at = bytes.writeUInt32BE(crc32(bytes.subarray(frameAt, at)), at);
  return bytes.subarray(0, at);
}

function codes(flags: number, count: number): number[] {
  return [...varint(flags), ...varint(6), ...[0, 1, 0, 0, 0, count].flatMap(varint)];
}

function packet(startCode: bigint, content: Uint8Array): Uint8Array {
  const forward = content.length + CHECKSUM_BYTES;
  const head = Buffer.concat([startCodeBytes(startCode), Buffer.from(varint(forward))]);
  const headerSum = forward > 4096 ? [checksum(head)] : [];
  return Buffer.concat([head, ...headerSum, content, checksum(content)]);
}

function startCodeBytes(startCode: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(startCode);
  return bytes;
}

function checksum(bytes: Uint8Array): Uint8Array {
  const sum = Buffer.alloc(CHECKSUM_BYTES);
  sum.writeUInt32BE(crc32(bytes));
  return sum;
}

function varint(value: number): number[] {
  const bytes = Buffer.alloc(varintLength(value));
  putVarint(bytes, 0, value);
  return [...bytes];
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

/** Returns where the next one goes. */
function putVarint(bytes: Uint8Array, at: number, value: number): number {
  const end = at + varintLength(value);
  let rest = value;
  for (let index = end - 1; index >= at; index -= 1) {
    bytes[index] = (rest % 128) + (index < end - 1 ? 128 : 0);
    rest = Math.floor(rest / 128);
  }
  return end;
}
