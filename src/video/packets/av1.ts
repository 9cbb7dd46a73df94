/** AV1: open bitstream units of a temporal unit, and what a sequence header says (AV1 specification, 5.3 and 5.5). */
import { BitReader } from './bit-reader.js';
import { type ColorNumbers, statedColor, type VideoParameters } from './video-parameters.js';

const OBU = Object.freeze({ sequenceHeader: 1, temporalDelimiter: 2 });
const SELECT = 2;

export interface ObuPlace {
  readonly type: number;
  readonly start: number;
  readonly payload: number;
  readonly end: number;
}

/** The units of a temporal unit in the low-overhead format; those behind one without a size, or a broken one, are none. */
export function obuPlaces(bytes: Uint8Array): readonly ObuPlace[] {
  const places: ObuPlace[] = [];
  let at = 0;
  while (at < bytes.length) {
    const header = bytes[at] as number;
    let payload = at + 1 + ((header >> 2) & 1);
    let end = bytes.length;
    if ((header & 2) !== 0) {
      let size = 0;
      for (let index = 0; index < 8; index += 1) {
        const byte = bytes[payload] ?? 0;
        payload += 1;
        size += (byte & 0x7f) * 128 ** index;
        if ((byte & 0x80) === 0) break;
      }
      end = payload + size;
    }
    if ((header & 0x80) !== 0 || end > bytes.length) break;
    places.push({ type: (header >> 3) & 15, start: at, payload, end });
    at = end;
  }
  return places;
}

/** The first sequence header among them. */
export function sequenceHeaderOf(bytes: Uint8Array): ObuPlace | undefined {
  return obuPlaces(bytes).find(({ type }) => type === OBU.sequenceHeader);
}

/** Behind the temporal delimiter, which comes first where there is one. */
export function behindDelimiter(bytes: Uint8Array): number {
  const [first] = obuPlaces(bytes);
  return first?.type === OBU.temporalDelimiter ? first.end : 0;
}

/** Undefined for a payload that is no sequence header. */
export function readAv1Sequence(payload: Uint8Array): VideoParameters | undefined {
  const reader = new BitReader(payload);
  const profile = reader.bits(3);
  reader.skip(1);
  const isReduced = reader.bit() === 1;
  if (isReduced) reader.skip(5);
  else skipOperatingPoints(reader);
  const widthBits = reader.bits(4) + 1;
  const heightBits = reader.bits(4) + 1;
  const width = reader.bits(widthBits) + 1;
  const height = reader.bits(heightBits) + 1;
  if (!isReduced && reader.bit() === 1) reader.skip(7);
  reader.skip(3);
  if (!isReduced) skipTools(reader);
  reader.skip(3);
  const { bitDepth, chroma, numbers } = readColorConfig(reader, profile);
  if (reader.overran || width > 16384 || height > 16384) return undefined;
  return { width, height, bitDepth, chroma, color: statedColor(numbers, height) };
}

function skipOperatingPoints(reader: BitReader): void {
  let hasDecoderModel = false;
  let delayBits = 0;
  if (reader.bit() === 1) {
    reader.skip(64);
    if (reader.bit() === 1) reader.unsigned();
    hasDecoderModel = reader.bit() === 1;
    if (hasDecoderModel) {
      delayBits = reader.bits(5) + 1;
      reader.skip(42);
    }
  }
  const hasDisplayDelay = reader.bit() === 1;
  const points = reader.bits(5) + 1;
  for (let point = 0; point < points; point += 1) {
    reader.skip(12);
    if (reader.bits(5) > 7) reader.skip(1);
    if (hasDecoderModel && reader.bit() === 1) reader.skip(2 * delayBits + 1);
    if (hasDisplayDelay && reader.bit() === 1) reader.skip(4);
  }
}

/** From enable_interintra_compound to order_hint_bits. */
function skipTools(reader: BitReader): void {
  reader.skip(4);
  const hasOrderHint = reader.bit() === 1;
  if (hasOrderHint) reader.skip(2);
  const screenContent = reader.bit() === 1 ? SELECT : reader.bit();
  if (screenContent > 0 && reader.bit() === 0) reader.skip(1);
  if (hasOrderHint) reader.skip(3);
}

function readColorConfig(
  reader: BitReader,
  profile: number,
): { bitDepth: number; chroma: number; numbers: ColorNumbers } {
  const isHigh = reader.bit() === 1;
  const isTwelve = profile === 2 && isHigh && reader.bit() === 1;
  const bitDepth = isTwelve ? 12 : isHigh ? 10 : 8;
  const isGray = profile !== 1 && reader.bit() === 1;
  let [primaries, transfer, matrix] = [2, 2, 2];
  if (reader.bit() === 1) {
    primaries = reader.bits(8);
    transfer = reader.bits(8);
    matrix = reader.bits(8);
  }
  const isRgb = primaries === 1 && transfer === 13 && matrix === 0;
  const fullRange = isRgb || reader.bit() === 1;
  let chroma = isGray ? 0 : profile === 1 || isRgb ? 3 : profile === 2 ? 2 : 1;
  if (isTwelve && !isGray && !isRgb) {
    chroma = 3;
    if (reader.bit() === 1) chroma = reader.bit() === 1 ? 1 : 2;
  }
  return { bitDepth, chroma, numbers: { primaries, transfer, matrix, fullRange } };
}
