/** H.264: which NAL units are what, and what a sequence parameter set says (ITU-T H.264, 7.3.2.1 and E.1). */
import { BitReader, withoutEmulation } from './bit-reader.js';
import { type ColorNumbers, statedColor, type VideoParameters } from './video-parameters.js';

export const H264_NAL = Object.freeze({ slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, delimiter: 9 });

export function h264NalType(nal: Uint8Array): number {
  return (nal[0] ?? 0) & 0x1f;
}

/** Profiles whose SPS states chroma format and bit depth. */
const HIGH_PROFILES = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
const EXTENDED_SAR = 255;
const MAX_CYCLE = 255;
/** Macroblocks a side: 16384 pixels. */
const MAX_BLOCKS = 1024;

/** The id of an SPS or a PPS; undefined for bytes that are none. */
export function h264ParameterSetId(nal: Uint8Array): number | undefined {
  const type = h264NalType(nal);
  const payload = withoutEmulation(nal.subarray(0, 32));
  const reader = new BitReader(payload, type === H264_NAL.sps ? 4 : 1);
  const id = reader.unsigned();
  return reader.overran || id > 255 ? undefined : id;
}

/** Undefined for bytes that are no SPS of pictures from 1 to 16384 pixels a side. */
export function readH264Sps(nal: Uint8Array): VideoParameters | undefined {
  const reader = new BitReader(withoutEmulation(nal), 1);
  const profile = reader.bits(8);
  reader.skip(16);
  reader.unsigned();
  let chroma = 1;
  let bitDepth = 8;
  let separatePlanes = false;
  if (HIGH_PROFILES.includes(profile)) {
    chroma = reader.unsigned();
    if (chroma > 3) return undefined;
    if (chroma === 3) separatePlanes = reader.bit() === 1;
    bitDepth = 8 + reader.unsigned();
    reader.unsigned();
    reader.skip(1);
    if (reader.bit() === 1) skipScalingMatrix(reader, chroma);
  }
  reader.unsigned();
  skipPictureOrder(reader);
  reader.unsigned();
  reader.skip(1);
  const blocksWide = reader.unsigned() + 1;
  const unitsHigh = reader.unsigned() + 1;
  const framesOnly = reader.bit();
  const blocksHigh = unitsHigh * (2 - framesOnly);
  if (framesOnly === 0) reader.skip(1);
  reader.skip(1);
  const crop = { left: 0, right: 0, top: 0, bottom: 0 };
  if (reader.bit() === 1) {
    crop.left = reader.unsigned();
    crop.right = reader.unsigned();
    crop.top = reader.unsigned();
    crop.bottom = reader.unsigned();
  }
  if (reader.overran || blocksWide > MAX_BLOCKS || blocksHigh > MAX_BLOCKS) return undefined;
  const isSubsampled = !separatePlanes && chroma !== 0;
  const cropX = isSubsampled && chroma < 3 ? 2 : 1;
  const cropY = (isSubsampled && chroma === 1 ? 2 : 1) * (2 - framesOnly);
  const width = blocksWide * 16 - (crop.left + crop.right) * cropX;
  const height = blocksHigh * 16 - (crop.top + crop.bottom) * cropY;
  if (width < 1 || height < 1 || bitDepth > 14) return undefined;
  const numbers = reader.bit() === 1 ? readColor(reader) : undefined;
  return { width, height, bitDepth, chroma, color: statedColor(numbers, height) };
}

function skipScalingMatrix(reader: BitReader, chroma: number): void {
  for (let list = 0; list < (chroma === 3 ? 12 : 8); list += 1) {
    if (reader.bit() === 0) continue;
    let last = 8;
    let next = 8;
    for (let index = 0; index < (list < 6 ? 16 : 64) && !reader.overran; index += 1) {
      if (next !== 0) next = (last + reader.signed() + 256) % 256;
      if (next !== 0) last = next;
    }
  }
}

function skipPictureOrder(reader: BitReader): void {
  const type = reader.unsigned();
  if (type === 0) reader.unsigned();
  if (type !== 1) return;
  reader.skip(1);
  reader.signed();
  reader.signed();
  const cycle = Math.min(reader.unsigned(), MAX_CYCLE);
  for (let index = 0; index < cycle && !reader.overran; index += 1) reader.signed();
}

/** The start of vui_parameters(), up to the colour. */
function readColor(reader: BitReader): ColorNumbers | undefined {
  if (reader.bit() === 1 && reader.bits(8) === EXTENDED_SAR) reader.skip(32);
  if (reader.bit() === 1) reader.skip(1);
  return readVideoSignal(reader);
}

/** video_signal_type, the same in H.264 and HEVC; undefined when the stream does not have it. */
export function readVideoSignal(reader: BitReader): ColorNumbers | undefined {
  if (reader.bit() === 0) return undefined;
  reader.skip(3);
  const fullRange = reader.bit() === 1;
  let [primaries, transfer, matrix] = [2, 2, 2];
  if (reader.bit() === 1) {
    primaries = reader.bits(8);
    transfer = reader.bits(8);
    matrix = reader.bits(8);
  }
  return reader.overran ? undefined : { primaries, transfer, matrix, fullRange };
}
