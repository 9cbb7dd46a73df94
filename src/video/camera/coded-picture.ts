/** A picture on its way from the input to its channels. */
import { guessColor } from '../../format/index.js';
import type { Rational } from '../ffmpeg/index.js';
import type { VideoParameters } from '../packets/index.js';

export interface CodedPicture {
  /** As the packet channel carries it, or as the container does where there is none. */
  readonly bytes: Uint8Array;
  readonly keyFrame: boolean;
  /** In the time base of the stream, as read: what decoders are given and give back. */
  readonly pts: number;
  /** On the camera's own line of time: see {@link Timeline}. */
  readonly ptsNs: number;
  /** CLOCK_MONOTONIC in ns: when it arrived in this process. */
  readonly captureTimeNs: number;
  /** The same for packet and frame. */
  readonly id: bigint;
  /** What its stream says of its pictures from here on. */
  readonly look: PictureLook;
  /** Nothing was decoded between the picture before it and this one. Set when it is given to a decoder. */
  discontinuity: boolean;
  /** It was published before, and is decoded again for those that follow. */
  isShown: boolean;
}

/** What decides which decoder, and which slots, a picture needs. */
export interface PictureLook {
  readonly codec: CodecName;
  readonly parameters: VideoParameters;
  readonly timeBase: Rational;
  readonly fourcc: Uint8Array;
  readonly extra: Uint8Array;
  readonly decodeDelay: number;
}

export const CODECS_BY_FOURCC = Object.freeze({
  avc1: 'h264',
  avc3: 'h264',
  H264: 'h264',
  h264: 'h264',
  X264: 'h264',
  hvc1: 'hevc',
  hev1: 'hevc',
  HEVC: 'hevc',
  hevc: 'hevc',
  H265: 'hevc',
  av01: 'av1',
  AV01: 'av1',
  VP90: 'vp9',
  vp09: 'vp9',
} as const);

/** 'other': only ffmpeg knows it; it is decoded there, and has no packet channel. */
export type CodecName = (typeof CODECS_BY_FOURCC)[keyof typeof CODECS_BY_FOURCC] | 'other';

export function codecOf(fourcc: Uint8Array): CodecName {
  const name = Buffer.from(fourcc).toString('latin1');
  return (CODECS_BY_FOURCC as Readonly<Record<string, CodecName>>)[name] ?? 'other';
}

const JPEG_FOURCCS: readonly string[] = ['MJPG', 'mjpg', 'jpeg', 'mjpa', 'AVRn', 'ljpg'];
/** Pictures of so many lines are taken for BT.601. */
export const STANDARD_LINES = 576;

/** Of pictures that only ffmpeg knows, which makes 8 bits and limited range of them. */
export function guessedParameters(
  fourcc: Uint8Array,
  width: number,
  height: number,
): VideoParameters {
  const isJpeg = JPEG_FOURCCS.includes(Buffer.from(fourcc).toString('latin1'));
  // JPEG is BT.601 at any size.
  const color = guessColor('nv12', isJpeg ? STANDARD_LINES : height);
  return { width, height, bitDepth: 8, chroma: 1, color };
}
