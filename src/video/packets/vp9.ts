/** VP9: what a key frame says of the pictures from it on (VP9 bitstream specification, 6.2 and 7.2). */
import { BitReader } from './bit-reader.js';
import { type ColorNumbers, statedColor, type VideoParameters } from './video-parameters.js';

const FRAME_MARKER = 2;
const SYNC_CODE = 0x498342;
const RGB = 7;
const MAX_SIDE = 16384;

/**
 * Numbers of H.273 for `color_space`, which names a recommendation. BT.601 has two sets of primaries, and BT.2020 is
 * also what pictures of high dynamic range are marked with, whose curve VP9 cannot state.
 */
const COLOR_SPACES: Readonly<Record<number, Omit<ColorNumbers, 'fullRange'>>> = {
  1: { primaries: 2, transfer: 6, matrix: 5 },
  2: { primaries: 1, transfer: 1, matrix: 1 },
  3: { primaries: 6, transfer: 6, matrix: 6 },
  4: { primaries: 7, transfer: 7, matrix: 7 },
  5: { primaries: 9, transfer: 2, matrix: 9 },
};
const UNSPECIFIED = Object.freeze({ primaries: 2, transfer: 2, matrix: 2 });

/** Undefined for bytes that begin with no key frame, or one whose sides are longer than 16384 pixels. */
export function readVp9KeyFrame(packet: Uint8Array): VideoParameters | undefined {
  const reader = new BitReader(packet);
  if (reader.bits(2) !== FRAME_MARKER) return undefined;
  const profile = reader.bit() + 2 * reader.bit();
  if (profile === 3 && reader.bit() === 1) return undefined;
  const showsExisting = reader.bit() === 1;
  const isKey = reader.bit() === 0;
  reader.skip(2);
  if (showsExisting || !isKey || reader.bits(24) !== SYNC_CODE) return undefined;
  const bitDepth = profile < 2 ? 8 : reader.bit() === 1 ? 12 : 10;
  const { chroma, numbers } = readColorConfig(reader, profile);
  const width = reader.bits(16) + 1;
  const height = reader.bits(16) + 1;
  if (reader.overran || width > MAX_SIDE || height > MAX_SIDE) return undefined;
  return { width, height, bitDepth, chroma, color: statedColor(numbers, height) };
}

function readColorConfig(
  reader: BitReader,
  profile: number,
): { chroma: number; numbers: ColorNumbers | undefined } {
  const space = reader.bits(3);
  const isOdd = profile % 2 === 1;
  if (space === RGB) {
    if (isOdd) reader.skip(1);
    return { chroma: 3, numbers: undefined };
  }
  const fullRange = reader.bit() === 1;
  const numbers = { ...(COLOR_SPACES[space] ?? UNSPECIFIED), fullRange };
  if (!isOdd) return { chroma: 1, numbers };
  const halvesWidth = reader.bit() === 1;
  const halvesHeight = reader.bit() === 1;
  reader.skip(1);
  // 4:4:0, which has no number of its own, is no more 4:2:0 than 4:2:2 is.
  const chroma = halvesWidth && halvesHeight ? 1 : halvesWidth || halvesHeight ? 2 : 3;
  return { chroma, numbers };
}
