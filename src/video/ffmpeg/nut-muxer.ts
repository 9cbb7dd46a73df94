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
  const fields = Buffer.from([
    CODE,
    ...varint(flags),
    ...varint(pts + 2 ** PTS_SHIFT),
    ...varint(byteLength),
  ]);
  const syncpoint = packet(START_CODES.syncpoint, Buffer.from([...varint(pts), ...varint(0)]));
  return Buffer.concat([syncpoint, fields, checksum(fields)]);
}

function codes(flags: number, count: number): number[] {
  return [...varint(flags), ...varint(6), ...[0, 1, 0, 0, 0, count].flatMap(varint)];
}

function packet(startCode: bigint, content: Uint8Array): Uint8Array {
  const start = Buffer.alloc(8);
  start.writeBigUInt64BE(startCode);
  const forward = content.length + 4;
  const head = Buffer.concat([start, Buffer.from(varint(forward))]);
  const headerSum = forward > 4096 ? [checksum(head)] : [];
  return Buffer.concat([head, ...headerSum, content, checksum(content)]);
}

function checksum(bytes: Uint8Array): Uint8Array {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum;
}

function varint(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(128 + (rest % 128));
  }
  return bytes;
}
