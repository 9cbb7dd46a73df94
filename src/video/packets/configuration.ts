/**
 * What a container keeps of a stream outside its packets: parameter sets, and how NAL units are told apart.
 *
 * ```text
 * avcC (ISO/IEC 14496-15, 5.3.3): 1 | profile 3 bytes | 6 bits, lengthBytes-1 | 3 bits, 5 bits count of SPS |
 *                                 (u16 length, SPS)… | count of PPS | (u16 length, PPS)…
 * hvcC (8.3.3): 1 | 20 bytes | 6 bits, lengthBytes-1 at 21 | count of arrays |
 *               (type | u16 count | (u16 length, NAL)…)…
 * av1C: 0x81 | 3 bytes | OBUs
 * ```
 */
import { nalPlaces, startsWithStartCode } from './annex-b.js';
import type { VideoCodec } from './access-units.js';

export interface Configuration {
  /** Bytes of the length before each NAL unit; 0 where start codes stand. */
  readonly lengthBytes: number;
  /** NAL units, or the open bitstream units of AV1. */
  readonly parameterSets: readonly Uint8Array[];
}

const START_CODES: Configuration = Object.freeze({ lengthBytes: 0, parameterSets: [] });

/** Undefined for bytes that are no configuration of the codec. No bytes: everything is in the packets. */
export function readConfiguration(codec: VideoCodec, extra: Uint8Array): Configuration | undefined {
  if (codec === 'av1') {
    const units = extra[0] === 0x81 ? extra.subarray(4) : extra;
    return { lengthBytes: 0, parameterSets: units.length === 0 ? [] : [units] };
  }
  if (extra.length === 0) return START_CODES;
  if (startsWithStartCode(extra)) {
    const parameterSets = nalPlaces(extra).map(({ start, end }) => extra.subarray(start, end));
    return { lengthBytes: 0, parameterSets };
  }
  if (extra[0] !== 1) return undefined;
  return codec === 'h264' ? readAvcC(extra) : readHvcC(extra);
}

/** Takes `count` NAL units behind their length of two bytes; false when they lead out of the bytes. */
function takeNals(
  bytes: Uint8Array,
  at: { offset: number },
  count: number,
  into: Uint8Array[],
): boolean {
  for (let index = 0; index < count; index += 1) {
    const length = ((bytes[at.offset] ?? 0) << 8) | (bytes[at.offset + 1] ?? 0);
    const start = at.offset + 2;
    if (start + length > bytes.length) return false;
    if (length > 0) into.push(bytes.subarray(start, start + length));
    at.offset = start + length;
  }
  return true;
}

function readAvcC(bytes: Uint8Array): Configuration | undefined {
  if (bytes.length < 7) return undefined;
  const lengthBytes = ((bytes[4] as number) & 3) + 1;
  const parameterSets: Uint8Array[] = [];
  const at = { offset: 6 };
  if (!takeNals(bytes, at, (bytes[5] as number) & 31, parameterSets)) return undefined;
  const pictureSets = bytes[at.offset] ?? 0;
  at.offset += 1;
  if (!takeNals(bytes, at, pictureSets, parameterSets)) return undefined;
  return { lengthBytes, parameterSets };
}

function readHvcC(bytes: Uint8Array): Configuration | undefined {
  if (bytes.length < 23) return undefined;
  const lengthBytes = ((bytes[21] as number) & 3) + 1;
  const parameterSets: Uint8Array[] = [];
  const at = { offset: 23 };
  for (let array = 0; array < (bytes[22] as number); array += 1) {
    const count = ((bytes[at.offset + 1] ?? 0) << 8) | (bytes[at.offset + 2] ?? 0);
    at.offset += 3;
    if (!takeNals(bytes, at, count, parameterSets)) return undefined;
  }
  return { lengthBytes, parameterSets };
}
