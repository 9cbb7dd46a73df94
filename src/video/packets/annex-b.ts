/**
 * NAL units as a byte stream (ITU-T H.264 and H.265, Annex B): each behind a start code 00 00 01, as decoders take
 * them and packet channels carry them. Files keep them behind their length instead.
 */

const START_CODE = Buffer.from([0, 0, 1]);
const LONG_START_CODE = Buffer.from([0, 0, 0, 1]);

/** Where a NAL unit lies in its bytes, without start code and trailing zeros. */
export interface NalPlace {
  readonly start: number;
  readonly end: number;
}

/** The NAL units of a byte stream in order. Bytes before the first start code are none. */
export function nalPlaces(stream: Uint8Array): readonly NalPlace[] {
  const bytes = Buffer.from(stream.buffer, stream.byteOffset, stream.byteLength);
  const places: NalPlace[] = [];
  let code = bytes.indexOf(START_CODE);
  while (code >= 0) {
    const start = code + START_CODE.length;
    const next = bytes.indexOf(START_CODE, start);
    let end = next < 0 ? bytes.length : next;
    while (end > start && bytes[end - 1] === 0) end -= 1;
    if (end > start) places.push({ start, end });
    code = next;
  }
  return places;
}

/** Whether the bytes begin with a start code. */
export function startsWithStartCode(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0 || bytes[1] !== 0) return false;
  return bytes[2] === 1 || (bytes[2] === 0 && bytes[3] === 1);
}

/** NAL units one behind another, each with a start code of four bytes. */
export function joinNals(nals: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(nals.flatMap((nal) => [LONG_START_CODE, nal]));
}

/**
 * NAL units that stand behind their length, of `lengthBytes` each, as a byte stream; undefined when a length leads
 * out of the packet. Lengths of four bytes, which are the rule, become start codes in the packet itself.
 */
export function lengthsToStartCodes(
  packet: Uint8Array,
  lengthBytes: number,
): Uint8Array | undefined {
  const nals: Uint8Array[] = [];
  let at = 0;
  let isWhole = true;
  while (at < packet.length) {
    let length = 0;
    for (let index = 0; index < lengthBytes; index += 1) {
      length = length * 256 + (packet[at + index] ?? 0);
    }
    at += lengthBytes;
    if (at + length > packet.length) return undefined;
    if (length > 0) nals.push(packet.subarray(at, at + length));
    else isWhole = false;
    at += length;
  }
  if (lengthBytes !== LONG_START_CODE.length || !isWhole) return joinNals(nals);
  for (const { byteOffset } of nals) {
    packet.set(LONG_START_CODE, byteOffset - packet.byteOffset - lengthBytes);
  }
  return packet;
}
