/**
 * What GStreamer's `unixfdsink` and `unixfdsrc` (1.24 and newer) say to each other over a Unix socket, little-endian, as
 * gst-plugins-bad documents it in its source: pictures stay in memory whose descriptors are passed.
 *
 * ```text
 * each      type u32 | payload bytes u32 | payload
 * 0 buffer  sink → source, with the descriptor of each memory:
 *           id u64 | pts u64 | dts u64 | duration u64 | offset u64 | offset end u64 | flags u32 | memory type u8, 0: plain |
 *           memories u8 | metas u16 | (size u64 | offset u64) a memory
 * 1 release source → sink: id u64; the memory may be written again
 * 2 caps    sink → source: text that ends with 0
 * 3 end     sink → source: the stream is over
 * ```
 *
 * Times are of CLOCK_MONOTONIC, in ns; all ones: none. A source wants a whole message at once.
 */
import type { VideoFormat } from '../../format/index.js';
import { colorOf } from '../../pixels/index.js';
import type { Rational } from '../ffmpeg/rational.js';

const BUFFER = 0;
const RELEASE = 1;
const CAPS = 2;
const END = 3;
const HEADER_BYTES = 8;
const BUFFER_BYTES = 56;
const MEMORY_BYTES = 16;
const NONE = 0xffff_ffff_ffff_ffffn;
/** What a source may say: more is no release, nor anything that may come to be one. */
const MAX_PAYLOAD_BYTES = 1024;

const NAMES: Readonly<Record<VideoFormat['pixelFormat'], string>> = Object.freeze({
  nv12: 'NV12',
  p010: 'P010_10LE',
  i420: 'I420',
  rgb24: 'RGB',
  bgr24: 'BGR',
  rgba: 'RGBA',
  bgra: 'BGRA',
  gray8: 'GRAY8',
  gray16: 'GRAY16_LE',
});

/** GstVideoColorMatrix. */
const MATRICES: Readonly<Record<string, number>> = Object.freeze({ bt709: 3, bt601: 4, bt2020: 6 });

export interface GStreamerPlane {
  readonly start: number;
  readonly end: number;
  readonly pitchBytes: number;
}

/** Where GStreamer has the planes of a picture of which nothing else is said: rows are rounded up to 4 bytes. */
export function gstreamerPlanes({ width, height, pixelFormat }: VideoFormat): GStreamerPlane[] {
  const four = (bytes: number): number => Math.ceil(bytes / 4) * 4;
  const [across, down] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const rows = ((): [number, number][] => {
    switch (pixelFormat) {
      case 'nv12':
      case 'p010': {
        const pitch = four(width * (pixelFormat === 'nv12' ? 1 : 2));
        return [
          [pitch, down * 2],
          [pitch, down],
        ];
      }
      case 'i420': {
        const chroma = four(across);
        return [
          [four(width), down * 2],
          [chroma, down],
          [chroma, down],
        ];
      }
      default: {
        const pixelBytes = { rgb24: 3, bgr24: 3, rgba: 4, bgra: 4, gray8: 1, gray16: 2 };
        return [[four(width * pixelBytes[pixelFormat]), height]];
      }
    }
  })();
  let end = 0;
  return rows.map(([pitchBytes, count]) => {
    const start = end;
    end += pitchBytes * count;
    return { start, end, pitchBytes };
  });
}

/** `rate`: undefined where pictures come as they come. */
export function capsMessage(format: VideoFormat, rate: Rational | undefined): Uint8Array {
  const { width, height, pixelFormat } = format;
  const { numerator, denominator } = rate ?? { numerator: 0, denominator: 1 };
  const fields = [
    'video/x-raw',
    `format=(string)${NAMES[pixelFormat]}`,
    `width=(int)${width}`,
    `height=(int)${height}`,
    `framerate=(fraction)${numerator}/${denominator}`,
    'pixel-aspect-ratio=(fraction)1/1',
    'interlace-mode=(string)progressive',
    ...colorimetry(format),
  ];
  return message(CAPS, Buffer.from(`${fields.join(', ')}\0`));
}

/** `range:matrix:transfer:primaries`; 0 is not known. RGB and gray speak for themselves. */
function colorimetry(format: VideoFormat): string[] {
  if (!['nv12', 'p010', 'i420'].includes(format.pixelFormat)) return [];
  const { matrix, range } = colorOf(format);
  const number = MATRICES[matrix];
  if (number === undefined) return [];
  return [`colorimetry=(string)${range === 'full' ? 1 : 2}:${number}:0:0`];
}

/** One picture in one memory of `byteLength` bytes; its descriptor goes with the first byte. */
export function bufferMessage(id: number, timeNs: number, byteLength: number): Uint8Array {
  const payload = Buffer.alloc(BUFFER_BYTES + MEMORY_BYTES);
  const words = [BigInt(id), BigInt(Math.max(0, Math.round(timeNs))), NONE, NONE, NONE, NONE];
  words.forEach((word, index) => payload.writeBigUInt64LE(word, index * 8));
  payload[53] = 1;
  payload.writeBigUInt64LE(BigInt(byteLength), BUFFER_BYTES);
  return message(BUFFER, payload);
}

export function endMessage(): Uint8Array {
  return message(END, Buffer.alloc(0));
}

function message(type: number, payload: Uint8Array): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(type, 0);
  header.writeUInt32LE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** What a source sends, in whatever pieces: foreign bytes. */
export class ReleaseReader {
  #rest: Uint8Array = new Uint8Array(0);

  /** The ids that are released, in order; undefined for what no source says. Other messages are passed over. */
  push(bytes: Uint8Array): readonly number[] | undefined {
    const all = Buffer.concat([this.#rest, bytes]);
    const ids: number[] = [];
    let at = 0;
    while (all.length - at >= HEADER_BYTES) {
      const type = all.readUInt32LE(at);
      const length = all.readUInt32LE(at + 4);
      if (length > MAX_PAYLOAD_BYTES) return undefined;
      const start = at + HEADER_BYTES;
      if (all.length - start < length) break;
      if (type === RELEASE) {
        if (length !== 8) return undefined;
        const id = all.readBigUInt64LE(start);
        if (id > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
        ids.push(Number(id));
      } else if (type === BUFFER || type === CAPS || type === END) return undefined;
      at = start + length;
    }
    this.#rest = all.subarray(at);
    return ids;
  }
}
