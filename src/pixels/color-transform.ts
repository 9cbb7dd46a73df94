/**
 * From the numbers of one picture format to those of another: one affine map of three components.
 *
 * Samples are compared as words of 16 bits: a sample of 8 bits is its value times 256, one of p010
 * or gray16 is the word in memory. So limited range is the same in all of them (black is 16 × 256),
 * and the map of full range differs by format in its scale only.
 *
 * Matrices and ranges are those of ITU-T H.273. Primaries and transfer curves are kept as they are:
 * a map of three components cannot change them.
 */
import { SluiceError } from '../core/index.js';
import {
  type ColorSpace,
  guessColor,
  type PixelFormat,
  type VideoFormat,
} from '../format/index.js';

/** Rows of three factors and an offset, in 2^-13: component i of the result is row i. */
export type ColorTransform = Int32Array;

/** Bits behind the point of a transform. Sums of three terms stay below 2^31. */
export const TRANSFORM_BITS = 13;

/** The shares of red and blue in luma. */
const LUMA: Readonly<Record<string, readonly [number, number]>> = Object.freeze({
  bt601: [0.299, 0.114],
  smpte170m: [0.299, 0.114],
  bt470bg: [0.299, 0.114],
  bt709: [0.2126, 0.0722],
  bt2020nc: [0.2627, 0.0593],
});

/** 3×3 factors and 3 offsets, in the order of rows: [a b c | offset]. */
type Affine = readonly (readonly [number, number, number, number])[];

const WORD_OF_8_BITS = 256;

export type ColorFamily = 'yuv' | 'rgb' | 'gray';

export function colorFamily(pixelFormat: PixelFormat): ColorFamily {
  if (pixelFormat.startsWith('gray')) return 'gray';
  return pixelFormat.startsWith('rgb') || pixelFormat.startsWith('bgr') ? 'rgb' : 'yuv';
}

/** What the colour of a picture is taken for: as stated, or guessed. */
export function colorOf({ pixelFormat, height, color }: VideoFormat): ColorSpace {
  return color ?? guessColor(pixelFormat, height);
}

/** The largest word of a format's samples. */
function whiteWord(pixelFormat: PixelFormat): number {
  if (pixelFormat === 'gray16') return 65535;
  return pixelFormat === 'p010' ? 1023 * 64 : 255 * WORD_OF_8_BITS;
}

/**
 * Words of a format to R, G, B from 0 to 1. Throws `UNSUPPORTED` for a matrix that is not known.
 */
function decoding(format: VideoFormat): Affine {
  const { pixelFormat } = format;
  const family = colorFamily(pixelFormat);
  const white = whiteWord(pixelFormat);
  const color = colorOf(format);
  const limited = color.range === 'limited';
  const [black, lumaSpan, chromaSpan] = limited
    ? [16 * WORD_OF_8_BITS, 219 * WORD_OF_8_BITS, 224 * WORD_OF_8_BITS]
    : [0, white, white];
  const y = 1 / lumaSpan;
  const offset = -black * y;
  if (family === 'rgb') {
    return [
      [y, 0, 0, offset],
      [0, y, 0, offset],
      [0, 0, y, offset],
    ];
  }
  if (family === 'gray') return [0, 1, 2].map(() => [y, 0, 0, offset] as const);
  const [red, blue] = lumaShares(color);
  const green = 1 - red - blue;
  const middle = 128 * WORD_OF_8_BITS;
  const toRed = (2 * (1 - red)) / chromaSpan;
  const toBlue = (2 * (1 - blue)) / chromaSpan;
  const [greenByU, greenByV] = [(-toBlue * blue) / green, (-toRed * red) / green];
  return [
    [y, 0, toRed, offset - middle * toRed],
    [y, greenByU, greenByV, offset - middle * (greenByU + greenByV)],
    [y, toBlue, 0, offset - middle * toBlue],
  ];
}

/** R, G, B from 0 to 1 to words of a format; of gray only the first row means something. */
function encoding(format: VideoFormat): Affine {
  const { pixelFormat } = format;
  const family = colorFamily(pixelFormat);
  const white = whiteWord(pixelFormat);
  const color = colorOf(format);
  const limited = color.range === 'limited';
  const [black, lumaSpan, chromaSpan] = limited
    ? [16 * WORD_OF_8_BITS, 219 * WORD_OF_8_BITS, 224 * WORD_OF_8_BITS]
    : [0, white, white];
  if (family === 'rgb') {
    return [
      [lumaSpan, 0, 0, black],
      [0, lumaSpan, 0, black],
      [0, 0, lumaSpan, black],
    ];
  }
  const [red, blue] = lumaShares(color);
  const green = 1 - red - blue;
  const luma = [red * lumaSpan, green * lumaSpan, blue * lumaSpan, black] as const;
  if (family === 'gray') return [luma, luma, luma];
  const middle = 128 * WORD_OF_8_BITS;
  const u = chromaSpan / (2 * (1 - blue));
  const v = chromaSpan / (2 * (1 - red));
  return [
    luma,
    [-red * u, -green * u, (1 - blue) * u, middle],
    [(1 - red) * v, -green * v, -blue * v, middle],
  ];
}

function lumaShares({ matrix }: ColorSpace): readonly [number, number] {
  // Gray that was made of RGB says so; which luma it has then is a guess like any other.
  const shares = LUMA[matrix === 'rgb' ? 'bt709' : matrix];
  if (shares !== undefined) return shares;
  const known = Object.keys(LUMA).join(', ');
  throw new SluiceError('UNSUPPORTED', `cannot convert colours of the matrix '${matrix}'`, {
    details: { matrix },
    remedy: `Publish the pictures with one of ${known}.`,
  });
}

function compose(outer: Affine, inner: Affine): Affine {
  return outer.map((row) => {
    const at = (column: 0 | 1 | 2 | 3): number =>
      row[0] * inner[0]![column] + row[1] * inner[1]![column] + row[2] * inner[2]![column];
    return [at(0), at(1), at(2), at(3) + row[3]] as const;
  });
}

/** Towards black by `gain`: 1 is the picture itself, 0 black. */
function dimmed(gain: number): Affine {
  return [
    [gain, 0, 0, 0],
    [0, gain, 0, 0],
    [0, 0, gain, 0],
  ];
}

/** The map from words of `from` to words of `to`; `gain` below 1 darkens. */
export function colorTransform(from: VideoFormat, to: VideoFormat, gain = 1): ColorTransform {
  const affine = compose(encoding(to), compose(dimmed(gain), decoding(from)));
  const one = 2 ** TRANSFORM_BITS;
  return Int32Array.from(affine.flat().map((factor) => Math.round(factor * one)));
}

/** Whether nothing changes but the place and the precision of the samples. */
export function isSameColor(from: VideoFormat, to: VideoFormat): boolean {
  const [family, other] = [colorFamily(from.pixelFormat), colorFamily(to.pixelFormat)];
  const [color, wanted] = [colorOf(from), colorOf(to)];
  if (color.range !== wanted.range) return false;
  // In full range the largest sample of one precision is not exactly that of another.
  if (color.range === 'full' && whiteWord(from.pixelFormat) !== whiteWord(to.pixelFormat)) {
    return false;
  }
  if (family === 'rgb' || other === 'rgb') return family === other;
  // Luma alone goes from YUV to gray: the matrix has no part in it.
  if (other === 'gray') return true;
  if (family === 'gray') return false;
  // Also of a matrix that nothing is known of.
  return color.matrix === wanted.matrix || lumaShares(color)[0] === lumaShares(wanted)[0];
}

/** An RGB colour of 0 to 255 a component as words of a format. */
export function wordsOfColor(
  rgb: readonly [number, number, number],
  to: VideoFormat,
): readonly [number, number, number] {
  const words = encoding(to).map((row) =>
    Math.round((row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]) / 255 + row[3]),
  );
  return words as [number, number, number];
}
