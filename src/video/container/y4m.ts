/**
 * YUV4MPEG2, what programs read raw pictures from that know nothing else: a line, then pictures without padding.
 *
 * ```text
 * YUV4MPEG2 W640 H480 F25:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n
 * FRAME\n  planes of a picture
 * ```
 *
 * W, H, F (frames a second), I (p: progressive), A (shape of a pixel), C (which planes), X (anything).
 */
import { SluiceError, printable } from '../../core/index.js';
import { guessColor, video, type PixelFormat, type VideoFormat } from '../../format/index.js';
import type { Rational } from '../ffmpeg/rational.js';

const MAGIC = 'YUV4MPEG2';
/** A header, or the line before a picture, is longer in no program. */
export const MAX_Y4M_LINE_BYTES = 1024;

/** Pixel formats whose planes are those of a colour space of YUV4MPEG2. */
export const Y4M_PIXEL_FORMATS = Object.freeze(['i420', 'gray8'] as const);

export const Y4M_FRAME: Uint8Array = Buffer.from('FRAME\n', 'latin1');

/** The first line of a stream. `format` is one of {@link Y4M_PIXEL_FORMATS}. */
export function y4mHeader(format: VideoFormat, rate: Rational): Uint8Array {
  const { width, height, pixelFormat } = format;
  const space = pixelFormat === 'gray8' ? 'mono' : '420mpeg2';
  const { range } = format.color ?? guessColor(pixelFormat, height);
  const words = [
    MAGIC,
    `W${width}`,
    `H${height}`,
    `F${rate.numerator}:${rate.denominator}`,
    'Ip',
    'A1:1',
    `C${space}`,
    `XCOLORRANGE=${range.toUpperCase()}`,
  ];
  return Buffer.from(`${words.join(' ')}\n`, 'latin1');
}

/** What the first line of a stream says. */
export interface Y4mStream {
  readonly format: VideoFormat;
  /** Undefined when the stream leaves it open. */
  readonly rate: Rational | undefined;
}

const SPACES: Readonly<Record<string, PixelFormat>> = {
  '420': 'i420',
  '420jpeg': 'i420',
  '420mpeg2': 'i420',
  '420paldv': 'i420',
  mono: 'gray8',
};

/** Reads the first line, without its end. Throws `FORMAT_MISMATCH` for what cannot be published as it is. */
export function parseY4mHeader(line: string): Y4mStream {
  const [magic, ...words] = line.split(' ');
  if (magic !== MAGIC) {
    throw y4mError(`it begins with ${JSON.stringify(printable(line, 32))} and not with ${MAGIC}`);
  }
  const parameter = (letter: string): string | undefined =>
    words.find((word) => word.startsWith(letter))?.slice(1);
  const space = parameter('C') ?? '420jpeg';
  const pixelFormat = Object.hasOwn(SPACES, space) ? SPACES[space] : undefined;
  if (pixelFormat === undefined) {
    throw y4mError(
      `its colour space is C${printable(space, 32)}, and ${Object.keys(SPACES).join(', ')} are known`,
    );
  }
  const size = (letter: string): number => {
    const digits = parameter(letter) ?? '';
    return /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  };
  const [width, height] = [size('W'), size('H')];
  if (width < 1 || width > 16384 || height < 1 || height > 16384) {
    throw y4mError(`its size is ${width}x${height}, and 1 to 16384 pixels each way are needed`);
  }
  const range = words.find((word) => word.startsWith('XCOLORRANGE='))?.slice(12);
  const color = guessColor(pixelFormat, height);
  const stated = range === 'FULL' ? { color: { ...color, range: 'full' as const } } : {};
  const format = video({ width, height, pixelFormat, ...stated });
  return { format, rate: parseRate(parameter('F')) };
}

function parseRate(text = ''): Rational | undefined {
  const [, numerator, denominator] = /^(\d{1,9}):(\d{1,9})$/.exec(text) ?? [];
  const rate = { numerator: Number(numerator), denominator: Number(denominator) };
  return rate.numerator > 0 && rate.denominator > 0 ? rate : undefined;
}

export function y4mError(what: string): SluiceError {
  return new SluiceError('FORMAT_MISMATCH', `this is no YUV4MPEG2 that can be published: ${what}`, {
    remedy: 'Let ffmpeg make it: -f yuv4mpegpipe -pix_fmt yuv420p.',
  });
}
