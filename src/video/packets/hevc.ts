/** HEVC: which NAL units are what, and what a sequence parameter set says (ITU-T H.265, 7.3.2.2 and E.2.1). */
import { BitReader, withoutEmulation } from './bit-reader.js';
import { readVideoSignal } from './h264.js';
import { type ColorNumbers, statedColor, type VideoParameters } from './video-parameters.js';

/** 16 to 23 are random access points: a decoder can start there. */
export const HEVC_NAL = Object.freeze({
  firstRandomAccess: 16,
  lastRandomAccess: 23,
  vps: 32,
  sps: 33,
  pps: 34,
  delimiter: 35,
});

export function hevcNalType(nal: Uint8Array): number {
  return ((nal[0] ?? 0) >> 1) & 0x3f;
}

const EXTENDED_SAR = 255;
const MAX_SIDE = 16384;
const MAX_SETS = 64;
const MAX_PICTURES = 16;

/** The id of a VPS, SPS or PPS; undefined for bytes that are none. */
export function hevcParameterSetId(nal: Uint8Array): number | undefined {
  const type = hevcNalType(nal);
  const reader = new BitReader(withoutEmulation(nal.subarray(0, 256)), 2);
  let id: number;
  if (type === HEVC_NAL.vps) id = reader.bits(4);
  else if (type === HEVC_NAL.pps) id = reader.unsigned();
  else {
    skipSpsStart(reader);
    id = reader.unsigned();
  }
  return reader.overran || id > 63 ? undefined : id;
}

/** Undefined for bytes that are no SPS of pictures from 1 to 16384 pixels a side. */
export function readHevcSps(nal: Uint8Array): VideoParameters | undefined {
  const reader = new BitReader(withoutEmulation(nal), 2);
  const maxSubLayers = skipSpsStart(reader);
  reader.unsigned();
  const chroma = reader.unsigned();
  if (chroma > 3) return undefined;
  const separatePlanes = chroma === 3 && reader.bit() === 1;
  let width = reader.unsigned();
  let height = reader.unsigned();
  if (reader.bit() === 1) {
    const unitX = !separatePlanes && (chroma === 1 || chroma === 2) ? 2 : 1;
    const unitY = !separatePlanes && chroma === 1 ? 2 : 1;
    width -= (reader.unsigned() + reader.unsigned()) * unitX;
    height -= (reader.unsigned() + reader.unsigned()) * unitY;
  }
  const bitDepth = 8 + reader.unsigned();
  reader.unsigned();
  if (reader.overran || width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
    return undefined;
  if (bitDepth > 16) return undefined;
  const color = statedColor(readColor(reader, maxSubLayers), height);
  return { width, height, bitDepth, chroma, color };
}

/** Up to sps_seq_parameter_set_id; returns sps_max_sub_layers_minus1. */
function skipSpsStart(reader: BitReader): number {
  reader.skip(4);
  const maxSubLayers = reader.bits(3);
  reader.skip(1);
  // profile_tier_level(): 88 bits of profile, 8 of level, then what the sub-layers state.
  reader.skip(96);
  const present: [boolean, boolean][] = [];
  for (let layer = 0; layer < maxSubLayers; layer += 1) {
    present.push([reader.bit() === 1, reader.bit() === 1]);
  }
  if (maxSubLayers > 0) reader.skip(2 * (8 - maxSubLayers));
  for (const [profile, level] of present) reader.skip((profile ? 88 : 0) + (level ? 8 : 0));
  return maxSubLayers;
}

/** Everything between the bit depths and the colour. */
function readColor(reader: BitReader, maxSubLayers: number): ColorNumbers | undefined {
  const orderBits = reader.unsigned() + 4;
  const first = reader.bit() === 1 ? 0 : maxSubLayers;
  for (let layer = first; layer <= maxSubLayers; layer += 1) {
    for (let field = 0; field < 3; field += 1) reader.unsigned();
  }
  for (let field = 0; field < 6; field += 1) reader.unsigned();
  if (reader.bit() === 1 && reader.bit() === 1) skipScalingLists(reader);
  reader.skip(2);
  if (reader.bit() === 1) {
    reader.skip(8);
    reader.unsigned();
    reader.unsigned();
    reader.skip(1);
  }
  if (!skipReferenceSets(reader)) return undefined;
  if (reader.bit() === 1) {
    const longTerm = Math.min(reader.unsigned(), 32);
    reader.skip(longTerm * (orderBits + 1));
  }
  reader.skip(2);
  if (reader.bit() === 0 || reader.overran) return undefined;
  if (reader.bit() === 1 && reader.bits(8) === EXTENDED_SAR) reader.skip(32);
  if (reader.bit() === 1) reader.skip(1);
  return readVideoSignal(reader);
}

function skipScalingLists(reader: BitReader): void {
  for (let size = 0; size < 4; size += 1) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (reader.bit() === 0) {
        reader.unsigned();
        continue;
      }
      if (size > 1) reader.signed();
      const coefficients = Math.min(64, 1 << (4 + (size << 1)));
      for (let index = 0; index < coefficients && !reader.overran; index += 1) reader.signed();
    }
  }
}

/** st_ref_pic_set() of every set; false for what no stream has. */
function skipReferenceSets(reader: BitReader): boolean {
  const sets = reader.unsigned();
  if (sets > MAX_SETS) return false;
  let before = 0;
  for (let set = 0; set < sets; set += 1) {
    let pictures = 0;
    if (set > 0 && reader.bit() === 1) {
      reader.skip(1);
      reader.unsigned();
      for (let index = 0; index <= before; index += 1) {
        const used = reader.bit() === 1;
        const kept = used || reader.bit() === 1;
        if (kept) pictures += 1;
      }
    } else {
      const [negative, positive] = [reader.unsigned(), reader.unsigned()];
      if (negative > MAX_PICTURES || positive > MAX_PICTURES) return false;
      pictures = negative + positive;
      for (let index = 0; index < pictures; index += 1) {
        reader.unsigned();
        reader.skip(1);
      }
    }
    if (reader.overran) return false;
    before = pictures;
  }
  return true;
}
