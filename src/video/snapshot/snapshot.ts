/** One picture of a channel, as a file's bytes. */
import { assertInteger, assertKnownKeys, assertOneOf, isChannelPattern } from '../../core/index.js';
import { type AllowedPeers, type Frame, listChannels, openSubscriber } from '../../bus/index.js';
import { type ColorSpace, video, type VideoFormat } from '../../format/index.js';
import {
  encodeJpeg,
  encodePng,
  PICTURE_FILE_FORMATS,
  type PictureFileFormat,
} from './encode-picture.js';

/** Which picture, and as what. */
export interface SnapshotOptions {
  /** Default 'png'. */
  readonly as?: PictureFileFormat;
  /** In pixels. Default: as the channel; with one of the two, the other by the picture's shape. */
  readonly width?: number;
  readonly height?: number;
  /** JPEG: 1 to 100. Default 90. */
  readonly quality?: number;
  /**
   * `key`: the next key frame, for which a camera that is read by nobody else decodes nothing but key frames.
   * `newest`: what is there, else what comes next. Default: `key` for cameras, `newest` for other channels, which may
   * have no key frames at all.
   */
  readonly at?: 'key' | 'newest';
  /** When nobody publishes yet. Default 'fail'. */
  readonly whenMissing?: 'wait' | 'fail';
  readonly allow?: AllowedPeers;
  readonly directory?: string;
  readonly label?: string;
  readonly signal?: AbortSignal;
}

const KNOWN = [
  'as',
  'width',
  'height',
  'quality',
  'at',
  'whenMissing',
  'allow',
  'directory',
  'label',
  'signal',
] as const;

const DEFAULT_QUALITY = 90;
const MAX_SIZE = 16384;
const JPEG_COLOR: ColorSpace = {
  matrix: 'bt601',
  primaries: 'bt709',
  transfer: 'srgb',
  range: 'full',
  guessed: false,
};

/** A picture as a file, and where it is from. */
export interface Snapshot {
  /** The file. */
  readonly bytes: Uint8Array;
  readonly as: PictureFileFormat;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  readonly channel: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly id: bigint;
  readonly ptsNs: number;
  readonly captureDate: Date;
}

/**
 * One picture of a channel as PNG or JPEG, from host memory or that of a GPU. Rejects with `TypeError`, `RangeError`,
 * the signal's reason, `CHANNEL_NOT_FOUND`, `FORMAT_MISMATCH`, `UNSUPPORTED` for colours that cannot be converted and
 * for a JPEG where there is no ffmpeg, and as `openSubscriber`.
 */
export async function takeSnapshot(
  channel: string,
  options: SnapshotOptions = {},
): Promise<Snapshot> {
  checkSnapshot(channel, options);
  const { whenMissing = 'fail', label = 'sluice snap', directory, allow, signal } = options;
  const keyFramesOnly = (options.at ?? (await defaultPlace(channel, options))) === 'key';
  const subscriber = await openSubscriber(channel, {
    ...{ format: video(), copyTo: 'host', maxHeld: 1, keyFramesOnly, whenMissing, label },
    ...(directory === undefined ? {} : { directory }),
    ...(allow === undefined ? {} : { allow }),
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    using frame = await subscriber.receive(signal === undefined ? {} : { signal });
    return await encode(frame as Frame<VideoFormat>, options);
  } finally {
    await subscriber.close();
  }
}

function checkSnapshot(channel: string, options: SnapshotOptions): void {
  assertKnownKeys('takeSnapshot()', options, KNOWN);
  if (isChannelPattern(channel)) {
    throw new TypeError(`takeSnapshot() takes one channel, got the pattern '${channel}'`);
  }
  const { as = 'png', width, height, quality = DEFAULT_QUALITY, at } = options;
  assertOneOf('as', as, PICTURE_FILE_FORMATS);
  if (at !== undefined) assertOneOf('at', at, ['key', 'newest']);
  if (width !== undefined) assertInteger('width', width, 1, MAX_SIZE);
  if (height !== undefined) assertInteger('height', height, 1, MAX_SIZE);
  assertInteger('quality', quality, 1, 100);
}

/** Cameras say that they are one in their announcement. */
async function defaultPlace(
  channel: string,
  { directory, allow }: SnapshotOptions,
): Promise<'key' | 'newest'> {
  const [manifest] = await listChannels(channel, {
    ...(directory === undefined ? {} : { directory }),
    ...(allow?.uids === undefined ? {} : { allowUids: allow.uids }),
  });
  return manifest !== undefined && 'camera' in manifest.userData ? 'key' : 'newest';
}

async function encode(frame: Frame<VideoFormat>, options: SnapshotOptions): Promise<Snapshot> {
  const { as = 'png', width, height, quality = DEFAULT_QUALITY, signal } = options;
  const wanted = {
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(signal === undefined ? {} : { signal }),
  };
  const isPng = as === 'png';
  const picture = isPng
    ? await frame.toFormat({ ...wanted, pixelFormat: 'rgb24' })
    : await frame.toFormat({ ...wanted, pixelFormat: 'i420', color: JPEG_COLOR });
  const { channel, epoch, sequence, id, ptsNs, captureDate } = frame;
  const bytes = isPng ? encodePng(picture) : await encodeJpeg(picture, quality, signal);
  const size = { width: picture.format.width, height: picture.format.height };
  return { bytes, as, ...size, channel, epoch, sequence, id, ptsNs, captureDate };
}
