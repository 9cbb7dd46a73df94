/**
 * NUT, the container between us and ffmpeg: the only one it reads and writes through pipes with exact times, for any
 * codec and for raw pictures (NUT Open Container Format, version 3).
 *
 * ```text
 * file        "nut/multimedia container\0", then packets and frames
 * packet      startcode u64 | forwardPointer v | [crc u32 when the pointer > 4096] | content | crc u32
 * frame       code u8 | what the flags of the code call for | data
 * v           7 bits a byte, the most significant first, bit 7: another follows
 * ```
 */
import type { Rational } from './rational.js';

export const FILE_ID = Buffer.from('nut/multimedia container\0', 'latin1');

/** Their upper 16 bits are 'N' and a letter; the rest is as the specification has it. */
export const START_CODES = Object.freeze({
  main: 0x4e4d7a561f5f04adn,
  stream: 0x4e5311405bf2f9dbn,
  syncpoint: 0x4e4be4adeeca4569n,
  index: 0x4e58dd672f23e64en,
  info: 0x4e49ab68b596ba78n,
});

export const FrameFlag = Object.freeze({
  key: 1,
  endOfRelevance: 2,
  codedPts: 8,
  streamId: 16,
  sizeMsb: 32,
  checksum: 64,
  reserved: 128,
  sideData: 256,
  headerIndex: 1024,
  matchTime: 2048,
  coded: 4096,
  invalid: 8192,
});

export const STREAM_CLASSES = Object.freeze(['video', 'audio', 'subtitle', 'data'] as const);

/** A stream as its header describes it. */
export interface NutStream {
  readonly id: number;
  readonly class: (typeof STREAM_CLASSES)[number];
  /** As in the header: 'avc1', 'H264', 'HEVC', 'NV12'. */
  readonly fourcc: Uint8Array;
  /** A time of the stream times this is seconds. */
  readonly timeBase: Rational;
  /** Pictures by which decoding runs ahead of presentation. */
  readonly decodeDelay: number;
  /** Parameter sets and the like, by codec. */
  readonly extra: Uint8Array;
  /** Video: in pixels; 0 for others. */
  readonly width: number;
  readonly height: number;
  /** Audio; 0 for others. */
  readonly sampleRateHz: number;
  readonly channels: number;
}

/** What stands before the data of a frame. */
export interface NutFrame {
  readonly stream: NutStream;
  /** In the time base of the stream. */
  readonly pts: number;
  readonly keyFrame: boolean;
  readonly byteLength: number;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

/** CRC-32 with generator 0x04C11DB7, most significant bit first, starting at 0. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ byte] as number)) >>> 0;
  return crc;
}
