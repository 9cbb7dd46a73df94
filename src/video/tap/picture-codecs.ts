/** How pictures become the bytes of a stream: what stands at its beginning, and before each of them. */
import type { PixelFormat, VideoFormat } from '../../format/index.js';
import { PIXEL_FORMATS, rawByteLength } from '../../format/index.js';
import { USUAL_RATE } from '../container/frame-rate.js';
import { NUT_PIXEL_FORMATS, rawFourcc } from '../container/raw-fourcc.js';
import { Y4M_FRAME, Y4M_PIXEL_FORMATS, y4mHeader } from '../container/y4m.js';
import { nutFrameHeader, nutHeader } from '../ffmpeg/nut-muxer.js';
import type { Rational } from '../ffmpeg/rational.js';

const NO_BYTES = new Uint8Array(0);
const NANOSECONDS: Rational = Object.freeze({ numerator: 1, denominator: 1_000_000_000 });

export interface PictureCodec {
  /** Pixel formats that it carries; pictures of others become the first. */
  readonly pixelFormats: readonly PixelFormat[];
  /** Whether the beginning states a rate, so that it cannot be sent before that is known. */
  readonly needsRate: boolean;
  /** Of pictures before it nothing can be said: they are left out. */
  readonly earliestNs: number;
  /** The beginning of a stream. `rate`: undefined while it is not known. */
  header(format: VideoFormat, rate: Rational | undefined): Uint8Array;
  /** What stands before a picture. `ptsNs` grows. */
  prefix(format: VideoFormat, ptsNs: number): Uint8Array;
}

export const PICTURE_CODECS: Readonly<Record<'y4m' | 'nut' | 'raw', PictureCodec>> = Object.freeze({
  y4m: {
    pixelFormats: Y4M_PIXEL_FORMATS,
    needsRate: true,
    earliestNs: Number.NEGATIVE_INFINITY,
    header: (format, rate = USUAL_RATE) => y4mHeader(format, rate),
    prefix: () => Y4M_FRAME,
  },
  nut: {
    pixelFormats: NUT_PIXEL_FORMATS,
    needsRate: false,
    earliestNs: 0,
    header: nutHeaderOf,
    prefix: (format, ptsNs) => nutFrameHeader(ptsNs, true, rawByteLength(format)),
  },
  raw: {
    pixelFormats: PIXEL_FORMATS,
    needsRate: false,
    earliestNs: Number.NEGATIVE_INFINITY,
    header: () => NO_BYTES,
    prefix: () => NO_BYTES,
  },
});

function nutHeaderOf({ width, height, pixelFormat }: VideoFormat): Uint8Array {
  return nutHeader({
    class: 'video',
    fourcc: rawFourcc(pixelFormat) ?? NO_BYTES,
    timeBase: NANOSECONDS,
    decodeDelay: 0,
    extra: NO_BYTES,
    width,
    height,
    sampleRateHz: 0,
    channels: 0,
  });
}
