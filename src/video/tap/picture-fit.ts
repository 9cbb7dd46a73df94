/** From the pictures of a channel to those of a tap. */
import { isDeepStrictEqual } from 'node:util';
import type { ReadonlyBytes } from '../../core/index.js';
import {
  copyFromSlot,
  type PixelFormat,
  rawByteLength,
  rowRuns,
  type VideoFormat,
} from '../../format/index.js';

export interface PictureFit {
  /** The slot begins with the picture as it is wanted: nothing has to be made. */
  readonly inPlace: boolean;
  /** Of the picture without padding. */
  readonly byteLength: number;
  make(slot: ReadonlyBytes, into: Uint8Array): void;
}

/** What a tap makes of pictures like `source`. */
export function targetFormat(
  source: VideoFormat,
  pixelFormats: readonly PixelFormat[],
  wanted: {
    readonly size?: { readonly width: number; readonly height: number };
    readonly pixelFormat?: PixelFormat;
  },
): VideoFormat {
  const { width, height } = wanted.size ?? source;
  const pixelFormat =
    wanted.pixelFormat ??
    (pixelFormats.includes(source.pixelFormat) ? source.pixelFormat : pixelFormats[0]!);
  const isSame = pixelFormat === source.pixelFormat;
  return {
    kind: 'video',
    width,
    height,
    pixelFormat,
    ...(isSame && source.color !== undefined ? { color: source.color } : {}),
  };
}

/** Undefined where pictures of the one cannot become pictures of the other. */
export function fitPicture(source: VideoFormat, target: VideoFormat): PictureFit | undefined {
  const byteLength = rawByteLength(target);
  if (!isDeepStrictEqual(source, target)) return undefined;
  const runs = rowRuns(source);
  return {
    inPlace: runs.length === 1,
    byteLength,
    make: (slot, into) => copyFromSlot(runs, slot, into),
  };
}
