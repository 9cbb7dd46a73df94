/** Colour: what a picture's numbers mean, and the guess where nobody said. */
import type { PixelFormat } from './format-types.js';

/** Short names as FFmpeg writes them: `bt709`, `bt2020nc`, `smpte2084`. */
export interface ColorSpace {
  readonly matrix: string;
  readonly primaries: string;
  readonly transfer: string;
  readonly range: 'limited' | 'full';
  /** Nobody stated it: see {@link guessColor}. A guess is never compared. */
  readonly guessed: boolean;
}

export const COLOR_RANGES = Object.freeze(['limited', 'full'] as const);

/** Lines from which unmarked pictures are taken for high definition. */
const HIGH_DEFINITION_LINES = 720;

const RGB = Object.freeze({
  matrix: 'rgb',
  primaries: 'bt709',
  transfer: 'srgb',
  range: 'full',
  guessed: true,
} as const);
const BT709 = Object.freeze({
  matrix: 'bt709',
  primaries: 'bt709',
  transfer: 'bt709',
  range: 'limited',
  guessed: true,
} as const);
const BT601 = Object.freeze({
  matrix: 'bt601',
  primaries: 'bt601',
  // ITU-T H.273 lists the curve of BT.601 as equal to that of BT.709.
  transfer: 'bt709',
  range: 'limited',
  guessed: true,
} as const);

/**
 * Colour when nobody stated it: BT.709 from 720 lines up, else BT.601, limited range. RGB has no
 * matrix and is taken for sRGB, full range.
 */
export function guessColor(pixelFormat: PixelFormat, height: number): ColorSpace {
  if (pixelFormat.startsWith('rgb') || pixelFormat.startsWith('bgr')) return RGB;
  return height >= HIGH_DEFINITION_LINES ? BT709 : BT601;
}
