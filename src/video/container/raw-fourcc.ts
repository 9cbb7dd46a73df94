/** How NUT names raw pictures: the four bytes that FFmpeg knows each pixel format by. */
import type { PixelFormat } from '../../format/index.js';

const FOURCC: Readonly<Partial<Record<PixelFormat, Uint8Array>>> = Object.freeze({
  nv12: Buffer.from('NV12', 'latin1'),
  i420: Buffer.from('I420', 'latin1'),
  rgb24: Buffer.from('RGB\x18', 'latin1'),
  bgr24: Buffer.from('BGR\x18', 'latin1'),
  rgba: Buffer.from('RGBA', 'latin1'),
  bgra: Buffer.from('BGRA', 'latin1'),
  gray8: Buffer.from('Y800', 'latin1'),
  gray16: Buffer.from('Y1\0\x10', 'latin1'),
});

/** Pixel formats that NUT has a name for: all but p010. */
export const NUT_PIXEL_FORMATS = Object.freeze(Object.keys(FOURCC) as PixelFormat[]);

/** Undefined for a format without a name. */
export function rawFourcc(pixelFormat: PixelFormat): Uint8Array | undefined {
  return FOURCC[pixelFormat];
}

/** Undefined for pictures that no channel can carry as they are. */
export function pixelFormatOfFourcc(fourcc: Uint8Array): PixelFormat | undefined {
  return NUT_PIXEL_FORMATS.find((name) => Buffer.compare(FOURCC[name]!, fourcc) === 0);
}
