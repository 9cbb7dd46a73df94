/** Pictures of a subscriber in other formats: `frame.toFormat()`. */
import { assertKnownKeys } from '../../core/index.js';
import {
  type ColorSpace,
  frameByteLength,
  type FrameFormat,
  type PixelFormat,
  video,
  type VideoFormat,
} from '../../format/index.js';
import {
  colorOf,
  type ConversionOptions,
  type Fit,
  type ResizeFilter,
  PictureConverter,
  planPicture,
} from '../../pixels/index.js';
import type { WaitOptions } from '../endpoint.js';
import { framePlanes, type Plane, type ReadonlyPlane } from '../frame-views.js';

/** What a picture is to become. */
export interface PictureOptions extends WaitOptions {
  readonly pixelFormat: PixelFormat;
  /** In pixels. Default: as the frame; with one of the two, the other by the frame's shape. */
  readonly width?: number;
  readonly height?: number;
  /** Of another shape: keep the picture's and fill up with `padding` ('letterbox', the default), or 'stretch'. */
  readonly fit?: Fit;
  /** Red, green and blue, 0 to 255. Default [114, 114, 114]. */
  readonly padding?: readonly [number, number, number];
  /** Default 'auto': bilinear down to half the size, by area below. */
  readonly filter?: ResizeFilter;
  /** Default: the frame's colours where the family is the same, else what is usual for the format. */
  readonly color?: ColorSpace;
}

const KNOWN = ['pixelFormat', 'width', 'height', 'color', 'fit', 'padding', 'filter', 'signal'];

/** Converters of the last few pairs of formats: what is asked for is mostly the same, frame by frame. */
const MOST_CONVERTERS = 8;
const converters = new Map<string, PictureConverter>();

/** The format that the options ask for. Throws `TypeError` for a frame that is no picture, and for wrong options. */
export function wantedPicture(source: FrameFormat, options: PictureOptions): VideoFormat {
  if (source.kind !== 'video') {
    throw new TypeError(`toFormat() is for pictures; this is a frame of ${source.kind}`);
  }
  assertKnownKeys('toFormat()', options, KNOWN);
  const { pixelFormat } = options;
  const { width, height } = wantedSize(source, options);
  const target = video({ width, height, pixelFormat });
  const color = options.color ?? inheritedColor(source, target);
  return color === undefined ? target : video({ ...target, color });
}

function wantedSize(source: VideoFormat, { width, height }: PictureOptions) {
  const ratio = source.width / source.height;
  if (width === undefined && height === undefined) return source;
  return {
    width: width ?? Math.max(1, Math.round((height as number) * ratio)),
    height: height ?? Math.max(1, Math.round((width as number) / ratio)),
  };
}

/** A matrix goes on with YUV and gray, whatever the size; RGB has none. */
function inheritedColor(source: VideoFormat, target: VideoFormat): ColorSpace | undefined {
  const isRgb = (format: VideoFormat): boolean => colorOf(format).matrix === 'rgb';
  return isRgb(source) === isRgb(target) ? colorOf(source) : undefined;
}

export interface ConvertedPicture {
  readonly bytes: Uint8Array;
  readonly planes: readonly Plane[];
}

/** Converts into memory of its own. */
export function convertPicture(
  source: VideoFormat,
  planes: readonly ReadonlyPlane[],
  target: VideoFormat,
  { fit = 'letterbox', padding, filter = 'auto' }: PictureOptions,
): ConvertedPicture {
  const options = { fit, filter, ...(padding === undefined ? {} : { padding }) };
  const bytes = new Uint8Array(frameByteLength(target));
  const made = framePlanes(target, bytes);
  converterOf(source, target, options).run(planes, made);
  return { bytes, planes: made };
}

function converterOf(
  source: VideoFormat,
  target: VideoFormat,
  options: ConversionOptions,
): PictureConverter {
  const key = JSON.stringify([source, target, options]);
  const known = converters.get(key);
  const converter = known ?? new PictureConverter(planPicture(source, target, options));
  converters.delete(key);
  converters.set(key, converter);
  const [oldest] = converters.keys();
  if (converters.size > MOST_CONVERTERS && oldest !== undefined) converters.delete(oldest);
  return converter;
}
