/** From the pictures of a channel to those of a tap. */
import { isDeepStrictEqual } from 'node:util';
import type { ReadonlyBytes } from '../../core/index.js';
import {
  copyFromSlot,
  type PixelFormat,
  rowRuns,
  type VideoFormat,
  videoPlanes,
} from '../../format/index.js';
import { colorOf, PictureConverter, planPicture } from '../../pixels/index.js';

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
  const target = { kind: 'video', width, height, pixelFormat } as const;
  const isSame =
    pixelFormat === source.pixelFormat && width === source.width && height === source.height;
  if (isSame) return source;
  // What is guessed by the height must not change with it.
  return isRgb(pixelFormat) === isRgb(source.pixelFormat)
    ? { ...target, color: colorOf(source) }
    : target;
}

function isRgb(pixelFormat: PixelFormat): boolean {
  return pixelFormat.startsWith('rgb') || pixelFormat.startsWith('bgr');
}

/** Where a plane is in the bytes of a picture. */
export interface PlanePlace {
  readonly start: number;
  readonly end: number;
  readonly pitchBytes: number;
}

/** Throws `UNSUPPORTED` for colours that cannot be converted. `places`: of the planes of the target. */
export function fitPicture(
  source: VideoFormat,
  target: VideoFormat,
  places: readonly PlanePlace[],
): PictureFit {
  const byteLength = places.at(-1)!.end;
  const isTight = isDeepStrictEqual(places, tightPlanes(target));
  if (isTight && isDeepStrictEqual(source, target)) {
    const runs = rowRuns(source);
    return {
      inPlace: runs.length === 1,
      byteLength,
      make: (slot, into) => copyFromSlot(runs, slot, into),
    };
  }
  const converter = new PictureConverter(planPicture(source, target));
  const planes = videoPlanes(source);
  return {
    inPlace: false,
    byteLength,
    make: (slot, into) => {
      converter.run(
        planes.map(({ byteOffset, byteLength: length, pitchBytes }) => {
          return { bytes: slot.subarray(byteOffset, byteOffset + length), pitchBytes };
        }),
        places.map(({ start, end, pitchBytes }) => {
          return { bytes: into.subarray(start, end), pitchBytes };
        }),
      );
    },
  };
}

/** Where the planes of a picture without padding are. */
export function tightPlanes(format: VideoFormat): readonly PlanePlace[] {
  let end = 0;
  return videoPlanes(format).map(({ rowBytes, height }) => {
    const start = end;
    end += rowBytes * height;
    return { start, end, pitchBytes: rowBytes };
  });
}
