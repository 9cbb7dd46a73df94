/** Where the components of a picture lie: which plane, which sample of a pixel. */
import type { PixelFormat } from '../format/index.js';

/** One component, by samples of its plane. */
export interface ComponentPlace {
  /** Index of the plane. */
  readonly plane: number;
  /** The sample of a pixel, and samples from one pixel to the next. */
  readonly offset: number;
  readonly step: number;
  readonly bytesPerSample: 1 | 2;
  /** Of half the resolution both ways. */
  readonly isChroma: boolean;
}

/** Y, U, V or R, G, B or Y: what is computed with. The alpha of rgba and bgra is apart. */
export function componentsOf(pixelFormat: PixelFormat): readonly ComponentPlace[] {
  switch (pixelFormat) {
    case 'nv12':
      return semiPlanar(1);
    case 'p010':
      return semiPlanar(2);
    case 'i420':
      return [0, 1, 2].map((plane) => place(plane, 0, 1, 1, plane > 0));
    case 'gray8':
      return [place(0, 0, 1, 1, false)];
    case 'gray16':
      return [place(0, 0, 1, 2, false)];
    case 'rgb24':
    case 'rgba':
      return packed([0, 1, 2], pixelFormat === 'rgb24' ? 3 : 4);
    case 'bgr24':
    case 'bgra':
      return packed([2, 1, 0], pixelFormat === 'bgr24' ? 3 : 4);
  }
}

/** The alpha sample of a pixel, where there is one. It is always opaque. */
export function alphaOf(pixelFormat: PixelFormat): ComponentPlace | undefined {
  return pixelFormat === 'rgba' || pixelFormat === 'bgra' ? place(0, 3, 4, 1, false) : undefined;
}

function place(
  plane: number,
  offset: number,
  step: number,
  bytesPerSample: 1 | 2,
  isChroma: boolean,
): ComponentPlace {
  return { plane, offset, step, bytesPerSample, isChroma };
}

function semiPlanar(bytesPerSample: 1 | 2): readonly ComponentPlace[] {
  return [
    place(0, 0, 1, bytesPerSample, false),
    place(1, 0, 2, bytesPerSample, true),
    place(1, 1, 2, bytesPerSample, true),
  ];
}

function packed(offsets: readonly number[], step: number): readonly ComponentPlace[] {
  return offsets.map((offset) => place(0, offset, step, 1, false));
}
